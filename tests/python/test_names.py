"""haid has every name of multiprocessing, and there is one start method for both."""
import concurrent.futures
import importlib
import importlib.metadata
import multiprocessing.pool
import pkgutil
import subprocess
import sys

import pytest

import haid

SUBMODULES = [module.name for module in pkgutil.iter_modules(multiprocessing.__path__) if "win32" not in module.name]


@pytest.mark.parametrize("name", [name for name in dir(multiprocessing) if not name.startswith("_") and name != "sys"])
def test_name(name):
    getattr(haid, name)


def test_star():
    names = {}
    exec("from haid import *", names)
    assert set(multiprocessing.__all__) < set(names)


@pytest.mark.parametrize("name", SUBMODULES + ["dummy.connection"])
def test_submodule(name):
    """Both ways to come by it give the same, which has all of the standard library's names."""
    code = f"""
import haid
first = haid.{name}
import haid.{name}, importlib
assert haid.{name} is first is importlib.import_module("haid.{name}")
standard = importlib.import_module("multiprocessing.{name}")
assert standard.__spec__.name == "multiprocessing.{name}"
for one in getattr(standard, "__all__", ()):
    getattr(first, one)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_own_names():
    code = "import haid; haid.futures.BrokenProcessPool; haid.ProcessPoolExecutor; haid.ThreadPool; haid.pool.Pool"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert {"Pool", "ProcessPoolExecutor", "ThreadPool", "futures", "managers", "pool"} <= set(dir(haid))


def test_version():
    assert haid.__version__ == importlib.metadata.version("haid")


@pytest.mark.parametrize("name", [*concurrent.futures.__all__, "InvalidStateError", "process", "thread"])
def test_futures(name):
    ours, theirs = getattr(haid.futures, name), getattr(concurrent.futures, name)
    assert ours is (haid.ProcessPoolExecutor if name == "ProcessPoolExecutor" else theirs)


def test_futures_at_work():
    from haid.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait

    with haid.futures.ProcessPoolExecutor(2) as processes, ThreadPoolExecutor(1) as threads:
        started = [processes.submit(abs, -1), threads.submit(abs, -2)]
        assert all(isinstance(one, Future) for one in started)
        assert wait(started, return_when=FIRST_COMPLETED).done
        assert sorted(one.result() for one in as_completed(started)) == [1, 2]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("haid.futures.thread")


def test_what_is_asked_what_it_is(pool):
    """By libraries that take a pool."""
    standard = multiprocessing.pool
    assert isinstance(pool, standard.Pool) and isinstance(haid.ThreadPool(1), standard.Pool)
    assert isinstance(pool.apply_async(abs, (-1,)), standard.ApplyResult)
    assert isinstance(pool.map_async(abs, [-1]), standard.AsyncResult)
    assert isinstance(pool.imap(abs, [-1]), standard.IMapIterator)


def test_from_import():
    from haid import managers
    from haid.connection import Client
    from haid.shared_memory import SharedMemory

    assert managers is importlib.import_module("multiprocessing.managers")
    assert Client.__module__ == "multiprocessing.connection" and SharedMemory


def test_what_there_is_not():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        haid.nothing
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("haid.nothing")


def test_nothing_is_imported_that_was_not_asked_for():
    code = "import haid, sys; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert "haid" in imported and not {"multiprocessing.managers", "haid.pool", "ctypes"} & set(imported)


START_METHOD = """
import haid, multiprocessing
haid.set_start_method("spawn")
assert multiprocessing.get_start_method() == haid.get_start_method() == "spawn"
assert type(haid.get_context()).__name__ == "SpawnContext" and haid.get_context().get_start_method() == "spawn"
try:
    multiprocessing.set_start_method("fork")
except RuntimeError:
    multiprocessing.set_start_method("fork", force=True)
assert haid.get_start_method() == "fork"
"""


def test_start_method():
    subprocess.run([sys.executable, "-c", START_METHOD], check=True, timeout=60)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_context(method):
    context = haid.get_context(method)
    assert context is haid.get_context(method) is context.get_context() is haid.get_context("fork").get_context(method)
    assert isinstance(context, type(multiprocessing.get_context(method)))
    assert issubclass(context.Process, multiprocessing.process.BaseProcess)
    assert context.cpu_count() == haid.cpu_count()
    with pytest.raises(ValueError):
        context.set_start_method("fork")
    with context.Pool(1) as pool:
        assert isinstance(pool, haid.pool.Pool)
        assert pool.map(abs, [-1]) == [1]


REGISTERED = """
import multiprocessing
from multiprocessing import context

class Theirs(context.ForkContext):  # as loky does it
    _name = "theirs"
    def get_start_method(self, allow_none=False): return self._name

context._concrete_contexts["theirs"] = theirs = Theirs()
import haid
assert haid.get_context("theirs") is theirs is multiprocessing.get_context("theirs")
haid.set_start_method("theirs")
assert haid.get_start_method() == "theirs" and haid.get_context() is theirs
with haid.Pool(1) as pool, haid.Lock():
    assert pool.map(abs, [-1]) == [1]
"""


def test_a_context_that_others_have_registered():
    subprocess.run([sys.executable, "-c", REGISTERED], check=True, timeout=60)


def test_unknown_context():
    with pytest.raises(ValueError, match="cannot find context"):
        haid.get_context("thread")
