"""Locks between processes, with the names of multiprocessing.synchronize.

Lock and RLock of the start method "fork" are haid's: if a process ends while it holds one, by whatever cause, a waiter
learns it (OwnerDied), and the lock is free, where others wait for ever. So is what a process had taken of a semaphore with
`with` when it ended: nobody else would give that back. What was taken with acquire() stays taken, for another process may
be meant to release it. All else is the standard library's.
"""
import time
from multiprocessing import synchronize as _standard
from multiprocessing import util
from multiprocessing.synchronize import *  # noqa: F401,F403

from ._haid import Claims, ProcessLock

_LOOK = 0.1  # s: how often who waits looks after who makes it wait


class _SurvivesItsHolder:
    def __init__(self, *, ctx):
        if ctx.get_start_method() != "fork":
            super().__init__(ctx=ctx)
            return
        self._is_fork_ctx = True
        self._semlock = ProcessLock(self._recursive)
        self._make_methods()
        util.register_after_fork(self, _after_fork)


def _after_fork(lock):
    lock._semlock._after_fork()


class Lock(_SurvivesItsHolder, _standard.Lock):
    """Held by one at a time. Any process that has it may release it."""

    _recursive = False


class RLock(_SurvivesItsHolder, _standard.RLock):
    """May be acquired again by the thread that holds it, and is free when it was released as often."""

    _recursive = True


def acquire_place(take, recover, block, timeout):
    """Takes one of a semaphore, by its own ``take``, after what those had is given back that have ended."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        while recover():
            pass
        left = _LOOK if end is None else min(_LOOK, end - time.monotonic())
        if not block or left <= 0:
            return take(False)
        if take(True, left):
            return True


class _CountsHolders:
    _claims = None  # of other start methods than fork, of those that begin with nothing (signals) or never end (queues)

    def __init__(self, value=1, *, ctx):
        super().__init__(value, ctx=ctx)
        if 0 < value < _standard.SEM_VALUE_MAX and ctx.get_start_method() == "fork":
            self._claims = Claims(self._semlock.handle, self._semlock.maxvalue)
            self._take = self.acquire
            del self.acquire  # the standard library's, of this instance

    def acquire(self, block=True, timeout=None):
        return self._take(False) or acquire_place(self._take, self._claims.recover, block, timeout)

    def __enter__(self):
        if self._claims is None:
            return super().__enter__()
        claims = self._claims
        return claims.acquire(False) or acquire_place(claims.acquire, claims.recover, True, None)

    def __exit__(self, *error):
        if self._claims is None:
            self._semlock.release()
        else:
            self._claims.release()


class Semaphore(_CountsHolders, _standard.Semaphore):
    """So many may hold it at a time. What a process that ends had taken with `with` is given back."""


class BoundedSemaphore(_CountsHolders, _standard.BoundedSemaphore):
    """A Semaphore that cannot be released more often than it was acquired."""


def __getattr__(name):
    return getattr(_standard, name)
