"""Pools of worker processes, with the interface of multiprocessing.pool."""
import itertools
import operator
import os
import threading
import time
import traceback
import warnings
from multiprocessing import pool as _standard
from multiprocessing import util
from multiprocessing.pool import CLOSE, RUN, TERMINATE, MaybeEncodingError, RemoteTraceback, ThreadPool

from . import _worker
from ._functions import Functions
from ._haid import Engine, cpu_count
from ._progress import show_as_they_pass, show_until_done
from .errors import PoolClosed, TimeoutError

__all__ = ["AsyncResult", "IMapIterator", "MaybeEncodingError", "Pool", "RemoteTraceback", "ThreadPool"]

# As the extension module names them.
ITEM, TUPLE, CALL = range(3)
WHOLE, INPUTS, AS_THEY_COME = range(3)
BOUND = 4096  # items of an imap that are on their way, where the caller does not say
MOST_FUNCTIONS = 1000  # that are remembered
MOST_RETRIES = 2**32 - 1
FOR_EVER = 3e9  # seconds


class Pool:
    """Worker processes that run functions on many inputs: multiprocessing.Pool, and more.

    Functions may be lambdas, closures, and defined after the pool was made. ``map``, ``starmap``, ``imap``, ``apply``
    and their variants also take, as keywords: ``timeout`` (seconds that one item may take; its worker is ended then,
    and the item fails with haid.TimeoutError), ``retries`` (how often an item that has failed is tried again) and
    ``backoff`` (seconds before the first retry; doubled for each further one); those that wait and those that iterate
    also ``progress=True`` (a bar of tqdm).

    A worker that dies costs the item that it ran, which fails with haid.WorkerLost. The workers end with this process,
    however it ends.
    """

    def __init__(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, context=None):
        if processes is None:
            processes = cpu_count()
        if processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if maxtasksperchild is not None and (not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0):
            raise ValueError("maxtasksperchild must be a positive int or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        util._flush_std_streams()
        self._functions = Functions()
        start = _worker.starter(_worker.reserve_numbers(processes), os.getpid(), initializer, initargs)
        self._engine = Engine(processes, start, _worker.leave, maxtasksperchild or 0)
        self._processes = processes
        self._numbers_of_functions = {}
        self._numbers = itertools.count(1)
        self._lazy = []  # calls that read their input as their results are taken, and their locks
        self._state = RUN
        self._callbacks = _Callbacks(self._engine)
        self._finalizer = util.Finalize(self, _terminate, args=(self._engine, self._callbacks), exitpriority=15)

    # -- calls

    def map(self, func, iterable, chunksize=None, progress=False, **limits):
        """func of every item, in order. Waits."""
        return self._collect(func, iterable, ITEM, progress, limits)

    def starmap(self, func, iterable, chunksize=None, progress=False, **limits):
        """func(*item) of every item, in order. Waits."""
        return self._collect(func, iterable, TUPLE, progress, limits)

    def map_async(self, func, iterable, chunksize=None, callback=None, error_callback=None, **limits):
        return self._collect_later(func, iterable, ITEM, callback, error_callback, limits)

    def starmap_async(self, func, iterable, chunksize=None, callback=None, error_callback=None, **limits):
        return self._collect_later(func, iterable, TUPLE, callback, error_callback, limits)

    def apply(self, func, args=(), kwds={}, **limits):
        """func(*args, **kwds) in a worker. Waits."""
        return self._collect(func, [(tuple(args), dict(kwds) if kwds else None)], CALL, False, limits)[0]

    def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None, **limits):
        result = AsyncResult(self, single=True)
        call = tuple(args), dict(kwds) if kwds else None
        self._start_later(result, func, CALL, callback, error_callback, iter((call,)), limits)
        return result

    def imap(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        """The results in the order of the inputs, lazily: no more than ``buffersize`` inputs are read and not yet
        taken as results, so that an endless input works. After close() the rest is read by join()."""
        return self._iterate(func, iterable, chunksize, INPUTS, buffersize, progress, limits)

    def imap_unordered(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        """The results as they come, lazily."""
        return self._iterate(func, iterable, chunksize, AS_THEY_COME, buffersize, progress, limits)

    def _call(self, func, spread, order=WHOLE, input=None, bound=BOUND, background=False, completion=None, limits={}):
        self._check_running()
        pickled, may_keep = self._functions.dumps(func)
        number = self._number_of(pickled) if may_keep else 0
        timeout, retries, backoff = _limits(**limits)
        return self._engine.call(pickled, number, spread, order, input, bound, timeout, retries, backoff, background,
                                 completion)

    def _number_of(self, pickled):
        known = self._numbers_of_functions
        if len(known) >= MOST_FUNCTIONS:
            known.clear()
        return known.get(pickled) or known.setdefault(pickled, next(self._numbers))

    def _collect(self, func, iterable, spread, progress, limits):
        call = self._call(func, spread, input=iter(iterable), limits=limits)
        try:
            call.feed_all()
            if progress:
                show_until_done(call, operator.length_hint(iterable) or None, func)
            call.wait(None)
            return call.take_all()
        except BaseException:
            call.give_up()  # Ctrl-C: what has not begun is not wanted any more
            raise
        finally:
            del call  # an error refers to this frame: whoever keeps one does not keep all results

    def _collect_later(self, func, iterable, spread, callback, error_callback, limits):
        result = AsyncResult(self)
        self._start_later(result, func, spread, callback, error_callback, iter(iterable), limits)
        return result

    def _start_later(self, result, func, spread, callback, error_callback, input, limits):
        self._check_running()
        completion = None
        if callback or error_callback:
            completion = self._callbacks.expect(result, callback, error_callback)
        try:
            call = self._call(func, spread, input=input, background=True, completion=completion, limits=limits)
        except Exception as error:
            result._fail(error)
            if completion is not None:
                self._callbacks.tell_soon(completion)
            return
        result._call = call
        call.feed_all()
        del call  # as in _collect

    def _iterate(self, func, iterable, chunksize, order, buffersize, progress, limits):
        self._check_running()
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize:n}")
        total = operator.length_hint(iterable) or None
        if chunksize > 1:
            iterable = _in_chunks(iterable, chunksize)
        call = self._call(func, ITEM, order, iter(iterable), buffersize or BOUND, limits=limits)
        results = IMapIterator(self, call)
        self._lazy = [one for one in self._lazy if not one[0].is_fed()]
        self._lazy.append((call, results._lock))
        return show_as_they_pass(results, total, func) if progress else results

    # -- the end

    def close(self):
        """No more calls. Those that were made go on."""
        if self._state == RUN:
            self._state = CLOSE
        self._engine.close()

    def terminate(self):
        """Ends the workers now."""
        self._state = TERMINATE
        self._finalizer()

    def join(self):
        """After close() or terminate(): waits until everything is done and the workers have ended."""
        if self._state == RUN:
            raise ValueError("Pool is still running")
        if self._state == CLOSE:
            for call, lock in self._lazy:
                with lock:
                    call.feed_all()
        self._engine.join()
        self._callbacks.join()

    def __enter__(self):
        self._check_running()
        return self

    def __exit__(self, *_):
        self.terminate()

    def __del__(self, _warn=warnings.warn):
        if getattr(self, "_state", None) == RUN:
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    def __reduce__(self):
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    def __repr__(self):
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"<{name} state={self._state} pool_size={self._processes}>"

    def _check_running(self):
        if self._state != RUN:
            raise PoolClosed

    # -- what programs use of multiprocessing's, though it is not documented

    @property
    def _pool(self):
        return [_worker.Running(pid) for pid in self._engine.worker_pids()]

    def _repopulate_pool(self):
        pass  # the engine replaces its workers


def _limits(timeout=None, retries=0, backoff=0.1):
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    retries = operator.index(retries)
    if retries < 0 or not backoff >= 0:
        raise ValueError("retries and backoff cannot be negative")
    return min(timeout or 0.0, FOR_EVER), min(retries, MOST_RETRIES), min(backoff, FOR_EVER)


def _in_chunks(iterable, size):
    """The items; where reading one fails, the others of its chunk are not given."""
    items = iter(iterable)
    while chunk := tuple(itertools.islice(items, size)):
        yield from chunk


def _terminate(engine, callbacks):
    engine.terminate()
    # A thread that waits in the extension module must not be there any more when the interpreter ends.
    callbacks.join()


class AsyncResult:
    """What a call that nobody waits for will give."""

    def __init__(self, pool, single=False):
        self._pool = pool
        self._single = single
        self._lock = threading.Lock()
        self._done = False
        self._call = None
        self._told = None  # where there are callbacks: set when they have been called, which comes first

    def ready(self):
        return self._wait(0)

    def wait(self, timeout=None):
        self._wait(timeout)

    def successful(self):
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._success

    def get(self, timeout=None):
        if not self._wait(timeout):
            raise TimeoutError
        if self._success:
            return self._value
        try:
            raise self._value
        finally:
            del self  # as in _take

    def _wait(self, timeout):
        if self._told is None or self._pool._callbacks.is_here():
            return self._wait_for_call(timeout)
        return self._told.wait(timeout)

    def _wait_for_call(self, timeout):
        if self._done:
            return True
        # Who comes second waits for the first.
        if not self._lock.acquire(timeout=-1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX)):
            return self._done
        try:
            if not self._done and self._call.wait(timeout):
                self._take()
        finally:
            self._lock.release()
        return self._done

    def _take(self):
        try:
            value = self._call.take_all()
            self._value, self._success = value[0] if self._single else value, True
        except BaseException as error:  # unpickling a result can raise anything
            error.__traceback__ = error.__traceback__.tb_next  # with this frame it would hold this object
            return self._fail(error)
        self._call = None
        self._done = True

    def _fail(self, error):
        self._value, self._success = error, False
        self._call = None
        self._done = True


class IMapIterator:
    """Results one after another; what an item raised is raised in its turn.

    One that is left before its end needs no more input. One that nobody has ever asked for a result is wanted for what
    its tasks do: the pool's join() reads its input. Any threads may share it.
    """

    _asked = False

    def __init__(self, pool, call):
        self._pool = pool  # ends when nobody has it any more
        self._call = call
        self._lock = threading.RLock()

    def __iter__(self):
        return self

    def __next__(self):
        self._asked = True
        if self._lock._is_owned():
            raise self._too_early()
        with self._lock:
            return self._call.next(None)

    def next(self, timeout=None):
        if timeout is None:
            return self.__next__()
        self._asked = True
        if self._lock._is_owned():
            raise self._too_early()
        end = time.monotonic() + timeout
        if not self._lock.acquire(timeout=min(max(timeout, 0), threading.TIMEOUT_MAX)):
            raise TimeoutError
        try:
            return self._call.next(max(end - time.monotonic(), 0))
        finally:
            self._lock.release()

    @staticmethod
    def _too_early():
        return ValueError("the input of an imap asks for a result of the same imap")

    def __del__(self):
        if self._asked and not self._call.is_fed():
            try:
                self._call.give_up()
            except RuntimeError:
                pass  # in a child of the pool's process


class _Callbacks:
    """Calls the callbacks, in a thread that begins with the first."""

    def __init__(self, engine):
        self._engine = engine
        self._numbers = itertools.count()
        self._expected = {}
        self._thread = None
        self._lock = threading.Lock()

    def expect(self, result, callback, error_callback):
        number = next(self._numbers)
        result._told = threading.Event()
        self._expected[number] = result, callback, error_callback
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="haid callbacks", daemon=True)
                self._thread.start()
        return number

    def _run(self):
        while finished := self._engine.completed():
            for number in finished:
                self._tell(number)

    def _tell(self, number):
        result, callback, error_callback = self._expected.pop(number)
        try:
            result._wait_for_call(None)
            tell = callback if result._success else error_callback
            if tell is not None:
                tell(result._value)
        except BaseException:
            traceback.print_exc()
        finally:
            result._told.set()

    def tell_soon(self, number):
        """Of a call that the engine does not know."""
        threading.Thread(target=self._tell, args=(number,), name="haid callback", daemon=True).start()

    def is_here(self):
        return threading.current_thread() is self._thread

    def stop(self):
        self._engine.stop_telling()

    def join(self):
        self.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()


# Names that multiprocessing has, too.
ApplyResult = MapResult = AsyncResult
IMapUnorderedIterator = IMapIterator


def __getattr__(name):
    return getattr(_standard, name)
