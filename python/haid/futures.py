"""concurrent.futures on haid's workers, with all of its names."""
import atexit
import collections
import functools
import os
import sys
import threading
import time
import weakref
from concurrent import futures
from concurrent.futures import process as _standard
from concurrent.futures.process import BrokenProcessPool

from . import _options, context, errors, pool
from ._haid import Order, Spread
from ._results import leave

__all__ = [
    "ALL_COMPLETED", "BrokenExecutor", "BrokenProcessPool", "CancelledError", "Executor", "FIRST_COMPLETED",
    "FIRST_EXCEPTION", "Future", "InitializerFailed", "InvalidStateError", "ProcessPoolExecutor", "ThreadPoolExecutor",
    "TimeoutError", "WorkerLost", "as_completed", "wait",
]


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(futures, name)


class WorkerLost(errors.WorkerLost, BrokenProcessPool):
    """haid.WorkerLost for those who catch BrokenProcessPool. The executor works on."""


class InitializerFailed(BrokenProcessPool):
    """The executor does not work any more."""


class _Pool(pool.Pool):
    _daemonic = False  # as the standard library's executor has it


class ProcessPoolExecutor(futures.Executor):
    """concurrent.futures.ProcessPoolExecutor on a haid.Pool.

    A worker that dies costs the call that it ran, which fails with a BrokenProcessPool (WorkerLost); all others go on.
    Only an initializer that fails breaks the executor. A ``map`` whose results are left before their end (by ``break``,
    an exception, its ``timeout``) gives up what has not begun, as ``shutdown(cancel_futures=True)`` does. A Ctrl-C ends
    what runs, too. What else a Pool takes is taken here.

    Where another start method than "fork" was chosen, this makes the standard library's executor.
    """

    def __new__(cls, max_workers=None, mp_context=None, *args, **options):
        method = (mp_context or context._default_context).get_start_method(allow_none=True)
        if method in (None, "fork"):
            return super().__new__(cls)
        return _standard.ProcessPoolExecutor(max_workers, mp_context, *args, **options)

    def __init__(self, max_workers=None, mp_context=None, initializer=None, initargs=(), *, max_tasks_per_child=None,
                 **options):
        if max_workers is not None and _options.whole_number("max_workers", max_workers) <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None:
            if not callable(initializer):
                raise TypeError("initializer must be a callable")
            initializer, initargs = _initialize, (initializer, initargs)
        self._work = _Work(_Pool(max_workers, initializer, initargs, max_tasks_per_child, **options))
        weakref.finalize(self, self._work.close).atexit = False

    def submit(self, fn, /, *args, **kwargs):
        return self._work.submit(fn, args, kwargs)

    submit.__doc__ = futures.Executor.submit.__doc__

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None):
        """The results of fn(*arguments) in order, one set of arguments from each of the iterables.

        All arguments are read at once; with ``buffersize`` only as many as that are read and not yet taken as results.
        Raises TimeoutError where a result is not there ``timeout`` seconds after the call.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        return self._work.map(fn, zip(*iterables), timeout, buffersize)

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._work.shutdown(wait, cancel_futures)

    shutdown.__doc__ = futures.Executor.shutdown.__doc__

    def __exit__(self, kind, error, traceback):
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._work.abandon()
        else:
            self.shutdown()
        return False

    # What programs use of the standard library's, though it is not documented.

    @property
    def _max_workers(self):
        return self._work.pool._processes

    @property
    def _processes(self):
        return {worker.pid: worker for worker in self._work.pool._pool}

    @property
    def _broken(self):
        return self._work.broken


class _Work:
    """The calls of an executor. It lives until the last of them is done, even where nobody has the executor then."""

    def __init__(self, pool):
        self.pool = pool
        self.broken = False
        # One more than there are workers: nobody is idle while the next call is handed out. Others can be cancelled.
        self._most = pool._processes + 1
        self._under_way = set()
        self._waiting = collections.deque()
        self._closed = False
        self._abandoned = False
        # A Ctrl-C between the taking of a Condition and the block that it is for would leave it taken: not so of its lock.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        _all_work.add(self)

    def submit(self, fn, args, kwargs):
        future = futures.Future()
        with self._lock:
            self._check_open()
            self._waiting.append((future, fn, args, kwargs, next(self.pool._singles)))
        self._begin()
        return future

    def map(self, fn, arguments, timeout, buffersize):
        until = None if timeout is None else time.monotonic() + timeout
        if buffersize is None:
            arguments = list(arguments)
        with self._lock:
            self._check_open()
            call = self.pool._call(fn, Spread.TUPLE, _options.NO_LIMITS, Order.INPUTS, iter(arguments),
                                   buffersize or 0, True)
        if buffersize is None:
            call.feed_all()
        return self._results(call, until)

    def _results(self, call, until):
        """Whoever never asks for the first of them wants what the calls do: they go on."""
        try:
            while True:
                try:
                    yield call.next(None if until is None else max(until - time.monotonic(), 0))
                except StopIteration:
                    if call.is_given_up():
                        raise futures.CancelledError from None
                    if call.is_cut_short():
                        self._check_open()
                    return
                except errors.TimeoutError as error:
                    if until is None or time.monotonic() < until:
                        raise
                    raise futures.TimeoutError from error
                except Exception as error:
                    translated = self._translated(error)
                    if translated is error:
                        raise
                    raise translated from None
        except KeyboardInterrupt:
            call.stop()
            raise
        finally:
            leave(call)

    def _check_open(self):
        if self.broken:
            raise BrokenProcessPool(self.broken)
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _begin(self):
        """Hands out what may be under way."""
        while True:
            with self._lock:
                if not self._waiting or len(self._under_way) >= self._most:
                    break
                future, fn, args, kwargs, index = self._waiting.popleft()
                self._under_way.add(future)
            try:
                if future.set_running_or_notify_cancel():
                    self.pool._apply_later(index, fn, args, kwargs, functools.partial(self._succeeded, future),
                                           functools.partial(self._failed, future), {})
                else:
                    self._end(future)
            except BaseException as error:
                if self._end(future):
                    future.set_exception(error)
                if not isinstance(error, Exception):
                    raise

    def _succeeded(self, future, value):
        if self._end(future):
            self._begin()
            future.set_result(value)

    def _failed(self, future, error):
        error = self._translated(error)
        if self._end(future):
            self._begin()
            future.set_exception(error)

    def _end(self, future):
        """Whether it is the caller's to say what became of it: a call may go on in whose making a Ctrl-C came."""
        with self._lock:
            if future not in self._under_way:
                return False
            self._under_way.remove(future)
        self._close_when_done()
        return True

    def _translated(self, error):
        if isinstance(error, errors.WorkerLost):
            return WorkerLost(str(error), error.exit_code)
        if isinstance(error, errors.PoolClosed):
            return BrokenProcessPool("the executor was ended while this ran")
        if isinstance(error, (InitializerFailed, errors.PoolError)):
            self.broken = str(error)
            if not isinstance(error, BrokenProcessPool):
                return BrokenProcessPool(self.broken)
        if isinstance(error.__cause__, pool.RemoteTraceback):
            error.__cause__ = _standard._RemoteTraceback(error.__cause__.tb)
        return error

    def close(self):
        """Takes no more calls; those that were made go on."""
        with self._lock:
            self._closed = True
        self._close_when_done()

    def shutdown(self, wait=True, cancel_futures=False):
        self.close()
        if cancel_futures:
            self._cancel()
        else:
            self.pool._engine.end_inputs()
        if not wait:
            return
        if self.pool._callbacks.is_here():
            raise RuntimeError("a callback of a future cannot wait for the executor's end")
        try:
            with self._lock:
                self._changed.wait_for(self._is_done)
            self.pool.join()
        except KeyboardInterrupt:
            self.abandon()
            raise

    def _cancel(self):
        """What has not begun will not."""
        with self._lock:
            cancelled, self._waiting = self._waiting, collections.deque()
        for future, *_ in cancelled:
            future.cancel()
            future.set_running_or_notify_cancel()
        self.pool._engine.give_up_lazy_calls()
        self._close_when_done()

    def abandon(self):
        """What has not begun will not, and what runs is ended: after a Ctrl-C, which workers leave to us."""
        self._abandoned = True  # a call in whose making it came may not be there
        self.shutdown(wait=False, cancel_futures=True)
        self.pool.terminate()

    def _is_done(self):
        return self._closed and not self._waiting and (self._abandoned or not self._under_way)

    def _close_when_done(self):
        with self._lock:
            if self._is_done():
                self.pool.close()
                self._changed.notify_all()


def _initialize(initializer, initargs):
    try:
        initializer(*initargs)
    except BaseException as error:
        futures._base.LOGGER.critical("Exception in initializer:", exc_info=True)
        raise InitializerFailed(f"the initializer failed: {error!r}") from error


_all_work = weakref.WeakSet()


@atexit.register
def _finish():
    # Where people type on after a Ctrl-C, the last one may be long ago.
    interrupted = getattr(sys, "last_type", None) is KeyboardInterrupt and not hasattr(sys, "ps1")
    for work in list(_all_work):
        if interrupted:
            work.abandon()
        else:
            work.shutdown()


# The calls are the parent's.
os.register_at_fork(after_in_child=_all_work.clear)
