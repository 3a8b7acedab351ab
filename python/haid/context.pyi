from collections.abc import Callable, Iterable
from multiprocessing import context as _standard
from multiprocessing.context import (
    AuthenticationError as AuthenticationError,
    BufferTooShort as BufferTooShort,
    ProcessError as ProcessError,
    TimeoutError as TimeoutError,
    assert_spawning as assert_spawning,
    get_spawning_popen as get_spawning_popen,
    set_spawning_popen as set_spawning_popen,
)
from typing import Any, ClassVar, Literal, overload

from typing_extensions import Unpack

from . import pool, synchronize

class _TellsHowItEnded:
    unknown_exit: ClassVar[int]  # the exitcode where somebody else was told how the process ended

class Process(_TellsHowItEnded, _standard.Process): ...
class ForkProcess(_TellsHowItEnded, _standard.ForkProcess): ...
class SpawnProcess(_TellsHowItEnded, _standard.SpawnProcess): ...
class ForkServerProcess(_TellsHowItEnded, _standard.ForkServerProcess): ...

class BaseContext(_standard.BaseContext):
    def cpu_count(self) -> int: ...
    def Lock(self) -> synchronize.Lock: ...
    def RLock(self) -> synchronize.RLock: ...
    def Pool(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        **options: Unpack[pool._PoolOptions],
    ) -> pool.Pool: ...
    @overload  # type: ignore[override]
    def get_context(self, method: None = None) -> DefaultContext: ...
    @overload
    def get_context(self, method: Literal["fork"]) -> ForkContext: ...
    @overload
    def get_context(self, method: Literal["spawn"]) -> SpawnContext: ...
    @overload
    def get_context(self, method: Literal["forkserver"]) -> ForkServerContext: ...
    @overload
    def get_context(self, method: str) -> BaseContext: ...

class DefaultContext(BaseContext):
    Process: ClassVar[type[Process]]
    def get_start_method(self, allow_none: bool = False) -> str: ...
    def get_all_start_methods(self) -> list[str]: ...

class ForkContext(BaseContext):
    Process: ClassVar[type[ForkProcess]]

class SpawnContext(BaseContext):
    Process: ClassVar[type[SpawnProcess]]

class ForkServerContext(BaseContext):
    Process: ClassVar[type[ForkServerProcess]]

_default_context: DefaultContext
