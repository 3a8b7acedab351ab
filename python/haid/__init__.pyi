from multiprocessing import (
    AuthenticationError as AuthenticationError,
    BufferTooShort as BufferTooShort,
    JoinableQueue as JoinableQueue,
    ProcessError as ProcessError,
    Queue as Queue,
    SimpleQueue as SimpleQueue,
    TimeoutError as TimeoutError,
    active_children as active_children,
    connection as connection,
    current_process as current_process,
    freeze_support as freeze_support,
    managers as managers,
    parent_process as parent_process,
    process as process,
    reducer as reducer,
    shared_memory as shared_memory,
    sharedctypes as sharedctypes,
    util as util,
)

from collections.abc import Iterable
from typing import Any, SupportsIndex

from . import context as context, dummy as dummy, errors as errors, futures as futures, joblib as joblib
from . import pool as pool, queues as queues, synchronize as synchronize
from ._install import install as install, uninstall as uninstall
from ._run import CommandsFailed as CommandsFailed, Outcome as Outcome, run as run
from .context import Process as Process
from .errors import OwnerDied as OwnerDied, PoolClosed as PoolClosed, PoolError as PoolError
from .errors import QueueBroken as QueueBroken, TaskError as TaskError, WorkerLost as WorkerLost
from .futures import ProcessPoolExecutor as ProcessPoolExecutor
from .pool import ThreadPool as ThreadPool

__all__ = [
    "Array", "AuthenticationError", "Barrier", "BoundedSemaphore", "BufferTooShort", "CommandsFailed", "Condition",
    "Event", "JoinableQueue", "Lock", "Manager", "Outcome", "OwnerDied", "Pipe", "Pool", "PoolClosed", "PoolError",
    "Process", "ProcessError", "ProcessPoolExecutor", "Queue", "QueueBroken", "RLock", "RawArray", "RawValue",
    "Semaphore", "SimpleQueue", "TaskError", "ThreadPool", "TimeoutError", "Value", "WorkerLost", "active_children",
    "allow_connection_pickling", "cpu_count", "current_process", "freeze_support", "get_all_start_methods",
    "get_context", "get_logger", "get_start_method", "install", "item_index", "log_to_stderr", "parent_process", "reducer",
    "run", "set_executable", "set_forkserver_preload", "set_start_method", "stream", "uninstall",
]

__version__: str

def item_index() -> int | None:
    """The index of the item that this thread runs: its place among the inputs of its call, from 0. None where no item
    runs."""

# A numpy.random.Generator, or a random.Random where numpy is not installed.
def stream(seed: SupportsIndex | Iterable[SupportsIndex], index: SupportsIndex | None = None) -> Any: ...

SUBDEBUG: int
SUBWARNING: int

Array = context._default_context.Array
Barrier = context._default_context.Barrier
BoundedSemaphore = context._default_context.BoundedSemaphore
Condition = context._default_context.Condition
Event = context._default_context.Event
Lock = context._default_context.Lock
Manager = context._default_context.Manager
Pipe = context._default_context.Pipe
Pool = context._default_context.Pool
RLock = context._default_context.RLock
RawArray = context._default_context.RawArray
RawValue = context._default_context.RawValue
Semaphore = context._default_context.Semaphore
Value = context._default_context.Value
allow_connection_pickling = context._default_context.allow_connection_pickling
cpu_count = context._default_context.cpu_count
get_all_start_methods = context._default_context.get_all_start_methods
get_context = context._default_context.get_context
get_logger = context._default_context.get_logger
get_start_method = context._default_context.get_start_method
log_to_stderr = context._default_context.log_to_stderr
set_executable = context._default_context.set_executable
set_forkserver_preload = context._default_context.set_forkserver_preload
set_start_method = context._default_context.set_start_method
