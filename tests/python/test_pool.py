"""What a pool does: multiprocessing's interface, and what haid adds to it."""
import itertools
import operator
import os
import re
import subprocess
import sys
import threading

import pytest

import haid
from breaking import Script, expect_works, run_script, twice


def test_map_and_starmap(pool):
    assert pool.map(twice, range(1000)) == [2 * x for x in range(1000)]
    assert pool.map(twice, []) == []
    assert pool.map(twice, iter("ab"), chunksize=1) == ["aa", "bb"]
    assert pool.starmap(pow, zip(range(50), itertools.repeat(2))) == [x * x for x in range(50)]
    assert pool.starmap(max, [[1, 2], (3, 4), "56"]) == [2, 4, "6"]


def test_apply(pool):
    assert pool.apply(pow, (2, 10)) == 1024
    assert pool.apply(int, ("ff",), {"base": 16}) == 255
    assert pool.apply(dict, kwds={"a": 1}) == {"a": 1}
    assert pool.apply(dict) == {}


def test_imap(pool):
    assert list(pool.imap(twice, range(500), chunksize=7)) == [2 * x for x in range(500)]
    assert sorted(pool.imap_unordered(twice, range(500))) == [2 * x for x in range(500)]
    results = pool.imap(twice, [1])
    assert iter(results) is results and results.next() == 2
    for _ in range(2):
        with pytest.raises(StopIteration):
            results.next(timeout=1)


def test_istarmap(pool):
    pairs = [(x, 2) for x in range(500)]
    expected = [x * x for x in range(500)]
    with haid.ThreadPool(2) as threads:
        for one in [pool, threads]:
            assert list(one.istarmap(pow, pairs, chunksize=7)) == expected
            assert list(one.istarmap(pow, iter(pairs), buffersize=3)) == expected
            assert sorted(one.istarmap_unordered(pow, pairs)) == expected
            assert list(one.imap(twice, [1, 2], chunksize=None)) == [2, 4]
            assert list(one.imap_unordered(twice, [1], None)) == [2]
            with pytest.raises(TypeError):
                list(one.istarmap(pow, [1]))


RECIPE = """
def istarmap(self, func, iterable, chunksize=1):
    self._check_running()
    if chunksize < 1:
        raise ValueError("Chunksize must be 1+, not {0:n}".format(chunksize))
    task_batches = mpp.Pool._get_tasks(func, iterable, chunksize)
    result = mpp.IMapIterator(self)
    self._taskqueue.put((self._guarded_task_generation(result._job, mpp.starmapstar, task_batches), result._set_length))
    return (item for chunk in result for item in chunk)
mpp.Pool.istarmap = istarmap

import haid
with haid.Pool(2) as pool:
    for size in [1, 3]:
        assert list(pool.istarmap(pow, [(x, 2) for x in range(10)], size)) == [x * x for x in range(10)]
    assert list(pool.istarmap(pow, [])) == []
    failing = pool.istarmap(divmod, [(1, 1), (1, 0), (2, 1)])
    assert next(failing) == (1, 0)
    try:
        next(failing)
    except ZeroDivisionError:
        pass
    late = pool.istarmap(pow, [(2, 3)])
    pool.close()
    assert list(late) == [8]
    pool.join()
    assert mpp is not haid.pool or not pool._cache
"""


@pytest.mark.parametrize("module", ["multiprocessing.pool", "haid.pool"])
def test_the_recipe_of_an_istarmap(module, tmp_path):
    """As it is passed on from hand to hand, for multiprocessing's Pool or with another import for haid's."""
    assert run_script(tmp_path, f"import {module} as mpp" + RECIPE) == ""


def test_imap_unordered_gives_what_is_there(pool, tmp_path):
    def wait_for(path):
        while path and not path.exists():
            threading.Event().wait(0.001)
        return path

    gate = tmp_path / "gate"
    results = pool.imap_unordered(wait_for, [gate, None, None, None])
    assert [next(results) for _ in range(3)] == [None] * 3
    gate.touch()
    assert list(results) == [gate]


@pytest.mark.parametrize("kind", ["imap", "imap_unordered"])
def test_imap_is_lazy(pool, kind):
    read = []

    def inputs():
        for i in itertools.count():
            read.append(i)
            yield i

    taken = 0
    for _ in itertools.islice(getattr(pool, kind)(twice, inputs(), buffersize=10), 100):
        taken += 1
        assert len(read) <= taken + 10
    for _ in itertools.islice(getattr(pool, kind)(twice, itertools.count()), 10_000):
        pass
    expect_works(pool)


def test_join_reads_the_rest_of_an_imap(tmp_path):
    def mark(i):
        (tmp_path / str(i)).touch()

    with haid.Pool(2) as pool:
        never_asked = pool.imap(mark, iter(range(100)), buffersize=5)
        pool.close()
        pool.join()
    assert len(list(tmp_path.iterdir())) == 100
    assert list(never_asked) == [None] * 100


def test_async_results(pool, tmp_path):
    gate = tmp_path / "gate"

    def wait_for_gate(value):
        while not gate.exists():
            threading.Event().wait(0.001)
        return value

    results = [pool.apply_async(wait_for_gate, ("a",)), pool.map_async(wait_for_gate, "ab"),
               pool.starmap_async(wait_for_gate, ["a"])]
    for result in results:
        assert not result.ready()
        with pytest.raises(ValueError, match="not ready"):
            result.successful()
        for timeout in 0, 0.01, -1:
            with pytest.raises(haid.TimeoutError):
                result.get(timeout)
        result.wait(0.01)
    gate.touch()
    assert [result.get() for result in results] == ["a", ["a", "b"], ["a"]]
    assert all(result.ready() and result.successful() for result in results)
    failed = pool.map_async(operator.truediv, [1])
    failed.wait()
    assert failed.ready() and not failed.successful()
    for _ in range(2):
        with pytest.raises(TypeError):
            failed.get()


def test_callbacks(pool):
    seen, errors = [], []
    calls = {"callback": seen.append, "error_callback": errors.append}
    pool.apply_async(twice, (1,), **calls).wait()
    pool.map_async(twice, range(3), **calls).wait()
    pool.starmap_async(pow, [(2, 3)], **calls).wait()
    pool.apply_async(divmod, (1, 0), **calls).wait()
    pool.map_async(twice, [], **calls).wait()
    assert seen == [2, [0, 2, 4], [8], []]
    assert [type(error) for error in errors] == [ZeroDivisionError]
    pool.apply_async(twice, (1,), callback=seen.append)
    pool.close()
    pool.join()
    assert seen[4:] == [2]


def test_mistakes_are_named(pool):
    """With what to do: the number of CPUs of a Slurm job is text, as all environment variables are."""
    with pytest.raises(TypeError, match=r"processes must be a whole number, not '4': int\('4'\) is one"):
        haid.Pool("4")
    with pytest.raises(TypeError, match="processes must be a whole number, not 2.5$"):
        haid.ThreadPool(2.5)
    for call in (pool.map, pool.starmap, pool.map_async, pool.apply_async, pool.imap, pool.imap_unordered):
        with pytest.raises(TypeError, match="no option 'retry': a task has timeout, retries and backoff"):
            call(pow, [(2, 3)], retry=1)
    with pytest.raises(TypeError, match="retries must be a whole number, not 'three'$"):
        pool.map(abs, [1], retries="three")
    with pytest.raises(TypeError, match="timeout must be a number of seconds, not '10'"):
        pool.apply(abs, (1,), timeout="10")
    assert pool.map(abs, [-1]) == [1]


def test_errors_say_where(pool):
    def fails(x):
        return 1 / x

    with pytest.raises(ZeroDivisionError) as caught:
        pool.map(fails, [1, 0, 2])
    assert "return 1 / x" in str(caught.value.__cause__)
    with pytest.raises(haid.pool.MaybeEncodingError):
        pool.apply(open, (os.devnull,))
    with pytest.raises(ValueError, match="Pool not running"):
        pool.close()
        pool.map(twice, [1])


def test_initializer_and_its_arguments():
    def initialize(a, b):
        os.environ["HAID_TEST"] = a + b

    with haid.Pool(2, initialize, ("x", "y")) as pool:
        assert set(pool.map(lambda _: os.environ["HAID_TEST"], range(50))) == {"xy"}
    for wrong in [{"processes": 0}, {"maxtasksperchild": 0}, {"initializer": 3}]:
        with pytest.raises((ValueError, TypeError)):
            haid.Pool(**wrong)


def test_workers_know_who_they_are(pool):
    def who(_):
        me = haid.current_process()
        share = os.environ["HAID_CPUS"], os.environ["OMP_NUM_THREADS"]
        return me.name, me.pid == os.getpid(), haid.parent_process().pid, *share

    for name, is_me, parent, cpus, threads in pool.map(who, range(50)):
        assert re.fullmatch(r"ForkPoolWorker-\d+", name)
        assert is_me and parent == os.getpid()
        assert int(cpus) >= 1 and int(threads) >= 1


def test_workers_have_nothing_to_read(pool):
    assert pool.apply(lambda: sys.stdin.read()) == ""


def test_an_environment_that_is_no_text(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import haid, os; print(haid.Pool(1).apply(os.getenvb, (b'HAID_TEST',)))")
    said = subprocess.check_output([sys.executable, program], env={**os.environb, b"HAID_TEST": b"\xff"}, timeout=60)
    assert said == b"b'\\xff'\n"


def test_every_initializer_runs_though_there_is_no_task():
    pool = haid.Pool(4, haid.Barrier(4).wait)
    pool.close()
    pool.join()


def test_progress(pool, capfd):
    assert pool.map(twice, range(30), progress=True) == [2 * x for x in range(30)]
    assert pool.starmap(pow, [(2, 3)], progress=True) == [8]
    assert list(pool.imap(twice, (x for x in range(30)), progress=True)) == [2 * x for x in range(30)]
    assert sorted(pool.imap_unordered(twice, range(30), progress=True)) == [2 * x for x in range(30)]
    assert list(pool.imap_unordered(twice, [], progress=True)) == []
    shown = capfd.readouterr().err
    assert shown.count("30/30") >= 2 and "100%" in shown and "30it" in shown
    with pytest.raises(ZeroDivisionError):
        pool.map(lambda x: 1 / x, [1, 0], progress=True)


def test_pools_within_pools(pool):
    def inner(x):
        with haid.Pool(2) as mine:
            return sum(mine.map(lambda y: x * y, range(4)))

    assert pool.map(inner, range(4)) == [6 * x for x in range(4)]
    with pytest.raises(NotImplementedError):
        pool.apply(twice, (pool,))


def test_threads_use_one_pool(pool):
    right = []

    def use(number):
        for _ in range(10):
            right.append(pool.map(lambda x: x + number, range(50)) == list(range(number, number + 50)))
            right.append(list(pool.imap(twice, range(20))) == [2 * x for x in range(20)])
            right.append(pool.apply_async(twice, (number,), callback=id).get() == 2 * number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 150


def test_thread_pool():
    shared = []
    with haid.ThreadPool(2) as pool:
        pool.map(shared.append, range(10))
        assert pool.apply_async(lambda: os.getpid()).get() == os.getpid()
    assert sorted(shared) == list(range(10))
