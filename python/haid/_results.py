"""What the calls of a pool that nobody waits for give back."""
import itertools
import operator
import threading
import time
from multiprocessing import pool as _standard

from . import _scarcity
from ._progress import show_as_they_pass
from .errors import TimeoutError

BOUND = 4096  # items of an imap that are on their way, where the caller does not say


def bounded(timeout):
    """What a lock takes, of any number of seconds."""
    return min(max(timeout, 0), threading.TIMEOUT_MAX)


class AsyncResult(_standard.ApplyResult):
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
        return self._told.wait(None if timeout is None else bounded(timeout))

    def _wait_for_call(self, timeout):
        if self._done:
            return True
        # Who comes second waits for the first.
        if not self._lock.acquire(timeout=-1 if timeout is None else bounded(timeout)):
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
            error.with_traceback(error.__traceback__.tb_next)  # with this frame it would hold this object
            return self._fail(error)
        self._call = None
        self._done = True

    def _fail(self, error):
        self._value, self._success = error, False
        self._call = None
        self._done = True


class Reader(threading.Thread):
    """Reads the input of a call as its results are taken."""

    def __init__(self, call):
        super().__init__(name="haid reads an input", daemon=True)
        self._call = call

    def start(self):
        self._call.let_another_read()
        _scarcity.start(super(), "the input of an imap")

    def has_begun(self):
        return self.ident is not None

    def read_to_the_end(self):
        self._call.lift_bound()
        self.join()

    def run(self):
        self._call.read()


class IMapIterator(_standard.IMapIterator):
    """Results one after another; what an item raised is raised in its turn.

    One that nobody has any more before its end gives up what has not begun, and needs no more input. One that nobody has
    ever asked for a result is wanted for what its tasks do: the pool's join() reads its input. Ctrl-C while a result is
    waited for ends it and its tasks. Any threads may share it.
    """

    _asked = False

    def __new__(cls, pool, call=None, apart=False):
        # Who makes one of a pool alone puts the results into it himself: see _TaskQueue in pool.py.
        return super().__new__(cls) if call is not None else _standard.IMapIterator(pool)

    def __init__(self, pool, call, apart):
        self._pool = pool  # ends when nobody has it any more
        self._call = call
        self._lock = threading.RLock()
        self._reader = Reader(call) if apart else None

    def __iter__(self):
        return self

    def __next__(self):  # as next(None), which would take a fifth longer for each result of a loop
        self._asked = True
        self._check_caller()
        with self._lock:
            self._begin()
            try:
                return self._call.next(None)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    self._call.stop()
                del self  # an error refers to this frame: whoever keeps one does not keep all that is to come
                raise

    def next(self, timeout=None):
        self._asked = True
        self._check_caller()
        end = None if timeout is None else time.monotonic() + timeout
        lock = self._lock
        if not lock.acquire(timeout=-1 if timeout is None else bounded(timeout)):
            raise TimeoutError
        try:
            self._begin()
            return self._call.next(None if end is None else max(end - time.monotonic(), 0))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                self._call.stop()
            del self  # as above
            raise
        finally:
            lock.release()

    def _begin(self):
        if self._reader is not None and not self._reader.has_begun():
            self._reader.start()

    def _check_caller(self):
        if self._lock._is_owned() or threading.current_thread() is self._reader:
            raise ValueError("the input of an imap asks for a result of the same imap")

    def __del__(self):
        if self._asked:
            leave(self._call)


def leave(call):
    """Nobody wants further results of the call. What has begun is let end."""
    try:
        call.give_up()
    except RuntimeError:
        pass  # in a child of the pool's process


def iterate(pool, call, func, iterable, chunksize, progress):
    """The results, one after another, of what ``call`` makes of an iterator of inputs."""
    pool._check_running()
    chunksize = 1 if chunksize is None else chunksize
    if chunksize < 1:
        raise ValueError(f"Chunksize must be 1+, not {chunksize:n}")
    total = operator.length_hint(iterable) or None
    may_wait = not hasattr(type(iterable), "__len__")  # for whatever it is that it gives
    if chunksize > 1:
        iterable = _in_chunks(iterable, chunksize)
    made = call(iter(iterable))
    results = IMapIterator(pool, made, apart=may_wait)
    pool._lazy = [one for one in pool._lazy if not one[0].is_fed()]
    pool._lazy.append((made, results._lock, results._reader))
    return show_as_they_pass(results, total, func) if progress else results


def read_to_their_ends(pool):
    """The inputs of what is read as its results are taken, whoever takes them."""
    for call, lock, reader in pool._lazy:
        if call.is_fed():
            continue
        if reader is None or not reader.has_begun():
            with lock:
                if reader is None or not reader.has_begun():
                    call.feed_all()
                    continue
        reader.read_to_the_end()


def _in_chunks(iterable, size):
    """The items; where reading one fails, the others of its chunk are not given."""
    items = iter(iterable)
    while chunk := tuple(itertools.islice(items, size)):
        yield from chunk
