"""haid in the place of multiprocessing, for libraries that import that themselves."""
import multiprocessing
import sys
import threading
import warnings
from concurrent.futures import process as _futures
from multiprocessing import pool as _pool

from . import context, futures, pool

__all__ = ["install", "uninstall"]

_lock = threading.RLock()
_replaced = {}  # names of multiprocessing, and what they stood for


def install() -> None:
    """Puts haid in the place of multiprocessing, in this process and those that are forked from it, until uninstall().

    What libraries find in ``multiprocessing`` is haid's from now on. Pools are, whatever name or context they are made
    by, and so are ``concurrent.futures.ProcessPoolExecutor`` (where the start method is "fork") and joblib's default
    backend and the one called "multiprocessing". Not so: what is derived from multiprocessing's Pool, and other things
    than pools that a module has already taken from multiprocessing: a RuntimeWarning names these modules.

    Any thread may call it; a second call changes nothing.
    """
    with _lock:
        if _replaced:
            return
        for name in multiprocessing.__all__:
            theirs, ours = getattr(multiprocessing, name), getattr(context._default_context, name)
            if theirs != ours:  # methods of the default context, most of them
                _replaced[name] = theirs
                setattr(multiprocessing, name, ours)
        _pool.Pool.__new__ = _new_pool
        _futures.ProcessPoolExecutor.__new__ = _new_executor
        _joblib.enter()
        holders = _holders()
    if holders:
        warnings.warn("multiprocessing has already been taken from, and this stays the standard library's: "
                      f"{'; '.join(holders)}. Call haid.install() before these modules are imported", RuntimeWarning, 2)


def uninstall() -> None:
    """Undoes install(). What was made meanwhile goes on. Any thread may call it, also where nothing was installed."""
    with _lock:
        for name, theirs in _replaced.items():
            if getattr(multiprocessing, name) == getattr(context._default_context, name):
                setattr(multiprocessing, name, theirs)
        if _replaced:
            # One that is deleted would leave classes behind that take no arguments.
            _pool.Pool.__new__ = _futures.ProcessPoolExecutor.__new__ = _new
            _joblib.leave()
        _replaced.clear()


def _new(kind, *args, **options):
    return object.__new__(kind)


def _new_pool(kind, *args, **options):
    return object.__new__(pool.Pool if kind is _pool.Pool else kind)


def _new_executor(kind, max_workers=None, mp_context=None, *args, **options):
    method = (mp_context or context._default_context).get_start_method(allow_none=True)
    if kind is not _futures.ProcessPoolExecutor or method not in (None, "fork"):
        return object.__new__(kind)  # which haid's executor, too, makes then
    return futures.ProcessPoolExecutor(max_workers, mp_context, *args, **options)


# What makes pools makes haid's, whoever has it; there is one start method.
_STILL_RIGHT = {"Pool", "get_all_start_methods", "get_context", "get_start_method", "set_start_method"}


def _holders():
    """Modules with what they have of multiprocessing and haid does otherwise."""
    taken = {
        id(theirs): name
        for name, theirs in _replaced.items()
        if name not in _STILL_RIGHT and _function(theirs) is not _function(getattr(context._default_context, name))
    }
    holders = []
    for module_name, module in sorted(sys.modules.items()):
        if module_name.partition(".")[0] in ("multiprocessing", "haid") or module_name == "__mp_main__":
            continue
        namespace = getattr(module, "__dict__", {})
        names = sorted(taken[id(value)] for value in list(namespace.values()) if id(value) in taken)
        if names:
            holders.append(f"{module_name} ({', '.join(names)})")
    return holders


def _function(method):
    return getattr(method, "__func__", method)


class _Joblib:
    """haid's backend as joblib's default and as "multiprocessing"; where joblib is imported later, then."""

    def enter(self):
        if "joblib.parallel" in sys.modules:
            self._replace()
        else:
            sys.meta_path.insert(0, self)

    def leave(self):
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        elif "joblib.parallel" in sys.modules:
            parallel = sys.modules["joblib.parallel"]
            parallel.BACKENDS["multiprocessing"], parallel.DEFAULT_BACKEND = self._theirs

    def _replace(self):
        from . import joblib

        parallel = sys.modules["joblib.parallel"]
        self._theirs = parallel.BACKENDS["multiprocessing"], parallel.DEFAULT_BACKEND
        parallel.BACKENDS["multiprocessing"] = joblib.Backend
        joblib.register(make_default=True)

    def find_spec(self, name, path=None, target=None):
        if name != "joblib.parallel":
            return None
        sys.meta_path.remove(self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in sys.meta_path)), None)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_replace(module):
                execute(module)
                self._replace()

            spec.loader.exec_module = execute_and_replace
        return spec


_joblib = _Joblib()
