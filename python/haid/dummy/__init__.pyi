from collections.abc import Callable, Iterable
from multiprocessing.dummy import (
    Array as Array,
    Barrier as Barrier,
    BoundedSemaphore as BoundedSemaphore,
    Condition as Condition,
    Event as Event,
    JoinableQueue as JoinableQueue,
    Lock as Lock,
    Manager as Manager,
    Namespace as Namespace,
    Pipe as Pipe,
    Process as Process,
    Queue as Queue,
    RLock as RLock,
    Semaphore as Semaphore,
    Value as Value,
    active_children as active_children,
    current_process as current_process,
    freeze_support as freeze_support,
)
from typing import Any

from ..pool import ThreadPool

__all__ = [
    "Barrier", "BoundedSemaphore", "Condition", "Event", "JoinableQueue", "Lock", "Manager", "Pipe", "Pool", "Process",
    "Queue", "RLock", "Semaphore", "active_children", "current_process", "freeze_support",
]

def Pool(
    processes: int | None = None, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()
) -> ThreadPool: ...
