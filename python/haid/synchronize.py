"""Locks between processes, with the names of multiprocessing.synchronize.

Lock and RLock of the start method "fork" are haid's: if a process ends while it holds one, by whatever cause, a waiter
learns it (OwnerDied), and the lock is free, where others wait for ever. All else is the standard library's.
"""
from multiprocessing import synchronize as _standard
from multiprocessing import util
from multiprocessing.synchronize import *  # noqa: F401,F403

from ._haid import ProcessLock


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


def __getattr__(name):
    return getattr(_standard, name)
