from collections.abc import Callable, Iterable, Mapping
from multiprocessing.pool import CLOSE as CLOSE, RUN as RUN, TERMINATE as TERMINATE
from multiprocessing.pool import ApplyResult as _StandardResult, MapResult as _StandardMapResult
from multiprocessing.pool import IMapIterator as _StandardIterator, Pool as _StandardPool
from multiprocessing.pool import ThreadPool as _StandardThreadPool
from types import TracebackType
from typing import Any, Literal, TypedDict, TypeVar

from typing_extensions import Self, Unpack

__all__ = ["AsyncResult", "IMapIterator", "MaybeEncodingError", "Pool", "RemoteTraceback", "ThreadPool"]

_S = TypeVar("_S")
_T = TypeVar("_T")

# What a pool may be told besides what multiprocessing's takes.
class _PoolOptions(TypedDict, total=False):
    nodes: Literal["slurm"] | None
    nice: int

# Of each item of a call.
class _LimitsOfThreads(TypedDict, total=False):
    retries: int
    backoff: float

class _Limits(_LimitsOfThreads, total=False):
    timeout: float | None

class AsyncResult(_StandardResult[_T]):
    def ready(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> None: ...
    def successful(self) -> bool: ...
    def get(self, timeout: float | None = None) -> _T: ...

ApplyResult = AsyncResult
MapResult = AsyncResult

class IMapIterator(_StandardIterator[_T]):
    def __iter__(self) -> Self: ...
    def __next__(self) -> _T: ...  # type: ignore[override]
    def next(self, timeout: float | None = None) -> _T: ...

IMapUnorderedIterator = IMapIterator

class MaybeEncodingError(Exception):
    exc: str
    value: str
    def __init__(self, exc: object, value: object) -> None: ...

class RemoteTraceback(Exception):
    tb: str
    def __init__(self, tb: str) -> None: ...

class Pool(_StandardPool):
    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any | None = None,
        **options: Unpack[_PoolOptions],
    ) -> None: ...
    def apply(
        self,
        func: Callable[..., _T],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        **limits: Unpack[_Limits],
    ) -> _T: ...
    def apply_async(
        self,
        func: Callable[..., _T],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        callback: Callable[[_T], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **limits: Unpack[_Limits],
    ) -> AsyncResult[_T]: ...
    def map(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_Limits],
    ) -> list[_T]: ...
    def map_async(  # type: ignore[override]
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = None,
        callback: Callable[[list[_T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **limits: Unpack[_Limits],
    ) -> AsyncResult[list[_T]]: ...
    def starmap(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_Limits],
    ) -> list[_T]: ...
    def starmap_async(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[list[_T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **limits: Unpack[_Limits],
    ) -> AsyncResult[list[_T]]: ...
    def imap(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_Limits],
    ) -> IMapIterator[_T]: ...
    def imap_unordered(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_Limits],
    ) -> IMapIterator[_T]: ...
    def istarmap(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_Limits],
    ) -> IMapIterator[_T]: ...
    def istarmap_unordered(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_Limits],
    ) -> IMapIterator[_T]: ...
    def close(self) -> None: ...
    def terminate(self) -> None: ...
    def join(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class ThreadPool(_StandardThreadPool):
    def apply(
        self,
        func: Callable[..., _T],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        **limits: Unpack[_LimitsOfThreads],
    ) -> _T: ...
    def apply_async(
        self,
        func: Callable[..., _T],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] = {},
        callback: Callable[[_T], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **limits: Unpack[_LimitsOfThreads],
    ) -> _StandardResult[_T]: ...
    def map(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_LimitsOfThreads],
    ) -> list[_T]: ...
    def map_async(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = None,
        callback: Callable[[list[_T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **limits: Unpack[_LimitsOfThreads],
    ) -> _StandardMapResult[_T]: ...
    def starmap(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_LimitsOfThreads],
    ) -> list[_T]: ...
    def starmap_async(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[list[_T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
        **limits: Unpack[_LimitsOfThreads],
    ) -> _StandardMapResult[_T]: ...
    def imap(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_LimitsOfThreads],
    ) -> IMapIterator[_T]: ...
    def imap_unordered(
        self,
        func: Callable[[_S], _T],
        iterable: Iterable[_S],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_LimitsOfThreads],
    ) -> IMapIterator[_T]: ...
    def istarmap(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_LimitsOfThreads],
    ) -> IMapIterator[_T]: ...
    def istarmap_unordered(
        self,
        func: Callable[..., _T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = 1,
        buffersize: int | None = None,
        progress: bool = False,
        **limits: Unpack[_LimitsOfThreads],
    ) -> IMapIterator[_T]: ...
