"""The names of multiprocessing for threads: multiprocessing.dummy, with haid's ThreadPool."""
from multiprocessing import dummy as _standard
from multiprocessing.dummy import *  # noqa: F401,F403
from multiprocessing.dummy import __all__  # noqa: F401


def Pool(processes=None, initializer=None, initargs=()):
    from .._threads import ThreadPool

    return ThreadPool(processes, initializer, initargs)


def __getattr__(name):
    return getattr(_standard, name)
