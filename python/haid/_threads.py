"""The pool of threads: multiprocessing's, with what a Pool of processes takes, so that one word changes one into the
other."""
import collections
import errno
import itertools
import operator
import queue
import threading
import time
from multiprocessing import pool as _standard

from . import _options, _scarcity
from ._haid import as_item
from ._progress import show_until_done
from ._results import BOUND, iterate, read_to_their_ends
from .errors import TimeoutError

_LONGEST_SLEEP = 1e6  # seconds
_LOOK = 0.2  # seconds
_PATIENCE = 5  # seconds that a thread of the pool's own gets to end


def _is_ready(result, seconds):
    result.wait(seconds)
    return result.ready()


def _in_looks(wait, seconds):
    """Whether wait(), which takes seconds, comes true in so many; None: it waits until it does.

    A Ctrl-C that comes right before a wait in C is heard when that ends: so none is long."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        left = _LOOK if end is None else min(_LOOK, max(end - time.monotonic(), 0))
        if wait(left):
            return True
        if end is not None and time.monotonic() >= end:
            return False


class ThreadPool(_standard.ThreadPool):
    """Threads that run functions on many inputs, for work that waits: multiprocessing's ThreadPool, and more.

    ``map`` and its kin take ``retries``, ``backoff``, ``progress`` and ``buffersize`` as Pool's do; ``imap`` reads its
    input as its results are taken. A thread waits for the retry of its item. A thread cannot be ended: ``timeout`` is
    an error here, and what runs at a Ctrl-C runs on.
    """

    def __init__(self, processes=None, initializer=None, initargs=(), **options):
        self._state = _standard.INIT  # it is asked for where what follows raises
        self._lazy = []  # as in Pool
        self._singles = itertools.count()  # as in Pool
        _options.refuse(options, "a ThreadPool", ("processes", "initializer", "initargs"))
        if processes is not None:
            _options.whole_number("processes", processes)
        try:
            super().__init__(processes, initializer, initargs)
        except RuntimeError as error:  # Python says no more than that it can't
            raise _scarcity.named(OSError(errno.EAGAIN, str(error)), "a ThreadPool") from None
        except OSError as error:
            raise _scarcity.named(error, "a ThreadPool") from None

    def _repopulate_pool(self):
        try:
            super()._repopulate_pool()
        except BaseException:
            # multiprocessing would terminate those that run, which a thread cannot be: they are told to end.
            for _ in self._pool:
                self._inqueue.put(None)
            self._pool.clear()
            raise

    def map(self, func, iterable, chunksize=None, progress=False, **limits):
        return self._collect(_ItemOf(_tried(func, **limits)), iterable, chunksize, progress)

    def starmap(self, func, iterable, chunksize=None, progress=False, **limits):
        return self._collect(_TupleOf(_tried(func, **limits)), iterable, chunksize, progress)

    def map_async(self, func, iterable, chunksize=None, callback=None, error_callback=None, **limits):
        return self._start(_ItemOf(_tried(func, **limits)), iterable, chunksize, callback, error_callback)

    def starmap_async(self, func, iterable, chunksize=None, callback=None, error_callback=None, **limits):
        return self._start(_TupleOf(_tried(func, **limits)), iterable, chunksize, callback, error_callback)

    def apply(self, func, args=(), kwds={}, **limits):
        return self.apply_async(func, args, kwds, **limits).get()

    def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None, **limits):
        call = next(self._singles), _tried(func, **limits), tuple(args), dict(kwds)
        return super().apply_async(as_item, call, {}, callback, error_callback)

    def imap(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        return self._iterate(_InOrder, func, iterable, chunksize, buffersize, progress, limits)

    def imap_unordered(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        return self._iterate(_AsTheyCome, func, iterable, chunksize, buffersize, progress, limits)

    def istarmap(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        return self._iterate(_InOrder, _Starred(func), iterable, chunksize, buffersize, progress, limits)

    def istarmap_unordered(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        return self._iterate(_AsTheyCome, _Starred(func), iterable, chunksize, buffersize, progress, limits)

    def join(self):
        if self._state == _standard.CLOSE:
            read_to_their_ends(self)
        super().join()

    @classmethod
    def _terminate_pool(cls, taskqueue, inqueue, outqueue, pool, change_notifier, worker_handler, task_handler,
                        result_handler, cache):
        # multiprocessing's own waits for its threads without a limit, and at times one of them never hears of the end.
        handlers = worker_handler, task_handler, result_handler
        for handler in handlers:
            handler._state = _standard.TERMINATE
        change_notifier.put(None)
        cls._help_stuff_finish(inqueue, task_handler, len(pool))
        taskqueue.put(None)
        outqueue.put(None)
        for handler in handlers:
            if handler is not threading.current_thread():
                handler.join(_PATIENCE)

    def _start(self, numbered, iterable, chunksize, callback=None, error_callback=None):
        return super().map_async(numbered, enumerate(iterable), chunksize, callback, error_callback)

    def _collect(self, numbered, iterable, chunksize, progress):
        call = _Whole(numbered)
        total = operator.length_hint(iterable) or None
        call.result = self._start(call, iterable, chunksize)
        try:
            if progress:
                show_until_done(call, total, numbered.func)
            _in_looks(call.wait, None)
            return call.result.get()
        except KeyboardInterrupt:
            call.wanted = False
            raise

    def _iterate(self, kind, func, iterable, chunksize, buffersize, progress, limits):
        def call(items):
            return kind(self, _tried(func, **limits), items, buffersize or BOUND)

        return iterate(self, call, func, iterable, chunksize, progress)


class _Starred:
    """func(*item), with the name that a progress bar shows."""

    def __init__(self, func):
        self._func = func
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(self, item):
        return self._func(*item)


def _tried(func, timeout=None, **limits):
    if timeout is not None:
        raise ValueError("a thread cannot be ended: haid.ThreadPool has no timeout=, haid.Pool has")
    _, retries, backoff = _options.limits(None, **limits)
    if not retries:
        return func

    def tried(*args, **kwds):
        wait = backoff
        for _ in range(retries):
            try:
                return func(*args, **kwds)
            except Exception:
                time.sleep(min(wait, _LONGEST_SLEEP))
                wait *= 2
        return func(*args, **kwds)

    return tried


class _ItemOf:
    """A function, to be called with an item and the index before it."""

    def __init__(self, func):
        self.func = func

    def __call__(self, numbered):
        index, item = numbered
        return as_item(index, self.func, (item,))


class _TupleOf(_ItemOf):
    def __call__(self, numbered):
        index, item = numbered
        return as_item(index, self.func, tuple(item))


class _Whole:
    """A call that is waited for: its function, which counts the items, and their result."""

    wanted = True

    def __init__(self, numbered):
        self._numbered = numbered
        self._done = collections.deque()  # any thread may append

    def __call__(self, item):
        try:
            return self._numbered(item) if self.wanted else None
        finally:
            self._done.append(None)

    def resolved(self):
        return len(self._done)

    def wait(self, seconds):
        return _is_ready(self.result, seconds)


_END = object()


class _Lazy:
    """A call that reads its input as its results are taken, or in another thread: what Call of the engine is to
    IMapIterator. One thread at a time takes results."""

    def __init__(self, pool, func, input, bound):
        self._pool = pool
        self._numbered = _ItemOf(func)
        self._input = enumerate(input)
        self._bound = bound
        self._room = threading.Semaphore(bound)  # of what another thread reads
        self._apart = self._begun = False
        self._error = None  # of the input, which comes behind the results
        self._wanted = True
        self._news = queue.SimpleQueue()  # and _END behind all
        self._head = None  # of it: what comes next
        pool._cache[self] = self  # so that a pool that was closed works until all is read

    def is_fed(self):
        return self not in self._pool._cache

    def feed_all(self):
        while not self.is_fed():
            self._feed()

    def let_another_read(self):
        self._apart = True

    def lift_bound(self):
        self._bound = None

    def read(self):
        while not self.is_fed():
            if self._bound is None or self._room.acquire(timeout=_LOOK):
                self._feed()

    def give_up(self):
        self._wanted = False
        if self._pool._cache.pop(self, None) is not None:
            self._fed()

    stop = give_up

    def next(self, seconds):
        if not self._begun and not self._apart:
            self._begun = True
            for _ in range(self._bound):
                self._feed()
        if not self._wanted or not _in_looks(self._look, seconds):
            raise TimeoutError if self._wanted else StopIteration
        if self._head is _END:
            error, self._error = self._error, None
            raise error or StopIteration
        head, self._head = self._head, None
        if self._apart:
            self._room.release()
        else:
            self._feed()
        value, error = self._outcome(head)
        if error is None:
            return value
        try:
            raise error
        finally:
            del head, error  # it refers to this frame: else only the collector would free what its caller has

    def _look(self, seconds):
        if self._head is None:
            try:
                self._head = self._news.get(timeout=seconds)
            except queue.Empty:
                return False
        return self._head is _END or self._is_there(self._head, seconds)

    def _feed(self):
        if self.is_fed():
            return
        try:
            numbered = next(self._input)
        except BaseException as error:
            if not isinstance(error, StopIteration):
                self._error = error
            if self._pool._cache.pop(self, None) is not None:
                self._fed()
            if isinstance(error, KeyboardInterrupt) and not self._apart:
                raise
            return
        self._start(numbered)

    def _submit(self, numbered, *callbacks):
        result = _standard.ApplyResult(self._pool, *callbacks)
        self._pool._taskqueue.put(([(result._job, 0, self._run, (numbered,), {})], None))
        return result

    def _run(self, numbered):
        return self._numbered(numbered) if self._wanted else None


class _InOrder(_Lazy):
    def _start(self, numbered):
        self._news.put(self._submit(numbered, None, None))

    def _fed(self):
        self._news.put(_END)

    def _is_there(self, result, seconds):
        return _is_ready(result, seconds)

    def _outcome(self, result):
        return result._value if result._success else None, None if result._success else result._value


class _AsTheyCome(_Lazy):
    def __init__(self, *args):
        super().__init__(*args)
        self._lock = threading.Lock()
        self._open = 1  # items that run, and the reading of the input

    def _start(self, numbered):
        with self._lock:
            self._open += 1
        self._submit(numbered, lambda value: self._ended((value, None)), lambda error: self._ended((None, error)))

    def _ended(self, outcome):
        self._news.put(outcome)
        self._fed()

    def _fed(self):
        with self._lock:
            self._open -= 1
            if not self._open:
                self._news.put(_END)

    def _is_there(self, outcome, seconds):
        return True

    def _outcome(self, outcome):
        return outcome
