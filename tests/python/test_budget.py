"""A worker's share of the CPUs, and what libraries that the parent has used before have decided for themselves."""

import os
import sys
import types

import pytest

import haid

WORKERS = 1
SHARE = haid.cpu_count() // WORKERS
MORE = SHARE + 4
NUMBA, OMPPOOL = "numba.np.ufunc.parallel", "numba.np.ufunc.omppool"


@pytest.fixture(autouse=True)
def nobody_has_decided(monkeypatch):
    for name in ("NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


class Numba(types.ModuleType):
    """What stands for numba.np.ufunc.parallel: it reads its variable whenever a function is compiled, and refuses another number
    of threads once they are there; how many of them are used is told it by _set_num_threads."""

    def __init__(self, threads):
        super().__init__(NUMBA)
        self.threads, self.used = threads, threads
        self._is_initialized, self._threading_layer = False, None
        self.environment = self.variables()

    @staticmethod
    def variables():
        return {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}

    def _launch_threads(self):
        if not self._is_initialized:
            self._is_initialized, self._threading_layer = True, "workqueue"

    def _set_num_threads(self, number):
        assert self._is_initialized and 1 <= number <= self.threads
        self.used = number

    def _get_num_threads(self):
        return self.used

    def compile(self):
        if self.variables() != self.environment:
            if self._is_initialized and int(os.environ["NUMBA_NUM_THREADS"]) != self.threads:
                raise RuntimeError("Cannot set NUMBA_NUM_THREADS to a different value once the threads have been launched")
            self.threads = int(os.environ["NUMBA_NUM_THREADS"])
            raise AssertionError("what the program had set is undone")
        self._launch_threads()


def compile_and_run(_):
    numba = sys.modules[NUMBA]
    numba.compile()
    return numba.threads, numba.used


@pytest.mark.parametrize("launched", [False, True])
@pytest.mark.parametrize("threads, used", [(MORE, SHARE), (1, 1)])
def test_numba_compiles_in_a_worker(launched, threads, used, monkeypatch):
    numba = Numba(threads)
    monkeypatch.setitem(sys.modules, NUMBA, numba)
    if launched:
        numba._launch_threads()
    with haid.Pool(WORKERS) as pool:
        assert pool.map(compile_and_run, range(2), timeout=60) == [(threads, used)] * 2
    assert numba.used == threads  # here all goes on as it was


def test_threads_of_openmp_that_are_gone_are_not_used(monkeypatch):
    numba, openmp = Numba(MORE), types.ModuleType(OMPPOOL)
    openmp.openmp_vendor = "GNU"
    numba._launch_threads()
    numba._threading_layer = "omp"
    monkeypatch.setitem(sys.modules, NUMBA, numba)
    monkeypatch.setitem(sys.modules, OMPPOOL, openmp)
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(MORE))  # not even where somebody has decided
    numba.environment = numba.variables()
    with haid.Pool(WORKERS) as pool:
        assert pool.apply(compile_and_run, (0,)) == (MORE, 1)


def test_what_somebody_has_decided_for_numba_stays(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "7")
    numba = Numba(7)
    numba._launch_threads()
    monkeypatch.setitem(sys.modules, NUMBA, numba)
    with haid.Pool(WORKERS) as pool:
        assert pool.apply(compile_and_run, (0,)) == (7, 7)


def threads_of_numexpr(_):
    return sys.modules["numexpr"].threads


@pytest.mark.parametrize("threads, used", [(MORE, SHARE), (1, 1)])
def test_numexpr_is_told_its_share(threads, used, monkeypatch):
    numexpr = types.ModuleType("numexpr")
    numexpr.threads = threads
    numexpr.get_num_threads = lambda: numexpr.threads
    numexpr.set_num_threads = lambda number: setattr(numexpr, "threads", number)
    monkeypatch.setitem(sys.modules, "numexpr", numexpr)
    with haid.Pool(WORKERS) as pool:
        assert pool.map(threads_of_numexpr, range(2)) == [used] * 2


def refuses(number):
    raise RuntimeError("another version")


def variable(name):
    return os.environ.get(name)


def test_a_library_with_other_words_goes_on_without(monkeypatch):
    numexpr = types.ModuleType("numexpr")
    numexpr.set_num_threads = refuses
    monkeypatch.setitem(sys.modules, "numexpr", numexpr)
    monkeypatch.setitem(sys.modules, NUMBA, types.ModuleType(NUMBA))
    with haid.Pool(WORKERS) as pool:
        assert pool.map(variable, ["HAID_CPUS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"]) == [str(SHARE), str(SHARE), None]
