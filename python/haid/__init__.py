"""haid: multiprocessing, faster, where a crash costs one task.

    import haid as mp

and what was written for multiprocessing runs. Whatever is not described here is the standard library's own.
"""
import importlib
import multiprocessing
from multiprocessing import *  # noqa: F401,F403

from . import _standard
from .errors import OwnerDied, PoolClosed, PoolError, QueueBroken, TaskError, WorkerLost  # noqa: F401

_standard.enter()

from . import context  # noqa: E402

SUBDEBUG = multiprocessing.SUBDEBUG
SUBWARNING = multiprocessing.SUBWARNING
# Process, Pool, Lock, set_start_method, …: of the start method that the program has chosen.
globals().update({name: getattr(context._default_context, name) for name in multiprocessing.__all__})

# What a program that only starts processes does without: each of them is the smaller for it, and starts the faster.
_LATER = {"ThreadPool": "pool", "ProcessPoolExecutor": "futures", "run": "_run", "Outcome": "_run",
          "CommandsFailed": "_run", "install": "_install", "uninstall": "_install", "stream": "_streams",
          "item_index": "_streams"}
__all__ = [*multiprocessing.__all__, *_LATER, "OwnerDied", "PoolClosed", "PoolError", "QueueBroken", "TaskError", "WorkerLost"]
_SUBMODULES = {"dummy", "futures", "joblib", "pool", "queues", "synchronize"} | _standard.MODULES


def __getattr__(name):
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    if name == "__version__":
        return importlib.import_module("haid._haid").VERSION
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LATER, "__version__", *(name for name in _SUBMODULES if "." not in name)})
