"""Random numbers: an item's stream is the same whatever runs it."""
import os
import pathlib
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import joblib
import numpy
import pytest

import haid
import haid.joblib
from haid.pool import ThreadPool

SEED = 2026


def spawned(count, seed=SEED):
    return [numpy.random.default_rng(child).integers(2**63) for child in numpy.random.SeedSequence(seed).spawn(count)]


def draw(_=None, seed=SEED):
    return haid.stream(seed).integers(2**63)


def index(*_):
    return haid.item_index()


def draw_slowly_at_first(number):
    if number < 2:
        time.sleep(0.05)
    return draw()


def run(source, *options, **environment):
    """A program of its own, which prints."""
    result = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(source)], capture_output=True, text=True,
                            timeout=100, env={**os.environ, **environment})
    assert result.returncode == 0, result
    return result


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_every_call(workers):
    expected = spawned(500)
    with haid.Pool(workers) as pool:
        for _ in range(2):
            assert pool.map(draw, range(500)) == expected
        assert pool.starmap(draw, [(None, SEED)] * 500) == expected
        assert pool.map_async(draw, range(500)).get() == expected
        for chunk in (1, 7, 500):
            assert list(pool.imap(draw, range(500), chunk)) == expected
            assert list(pool.imap(draw, iter(range(500)), chunk, buffersize=10)) == expected
            numbered = list(pool.imap_unordered(lambda number: (number, draw()), range(500), chunk))
            assert [number for _, number in sorted(numbered)] == expected
        assert pool.map(draw_slowly_at_first, range(100)) == expected[:100]
        assert pool.map(lambda _: haid.stream([1, 2**40]).integers(2**63), range(9)) == spawned(9, [1, 2**40])


def test_threads():
    expected = spawned(200)
    with ThreadPool(3) as pool:
        assert pool.map(draw, range(200)) == expected
        assert pool.map(draw, (number for number in range(200)), chunksize=7) == expected
        assert pool.starmap(draw, [(None, SEED)] * 200, progress=False, retries=1) == expected
        assert pool.map_async(draw, range(200)).get() == expected
        assert pool.starmap_async(draw, [(None, SEED)] * 200).get() == expected
        for chunk in (1, 7):
            assert list(pool.imap(draw, range(200), chunk)) == expected
            assert list(pool.imap(draw, iter(range(200)), chunk, buffersize=5)) == expected
            numbered = list(pool.imap_unordered(lambda number: (number, draw()), range(200), chunk))
            assert [number for _, number in sorted(numbered)] == expected
        counts_single_calls(pool)
        assert pool.apply(index, (), {}) == 52
        assert haid.item_index() is None


def counts_single_calls(pool):
    """Of calls of one item the pool says how many came before."""
    assert [pool.apply(index), pool.apply(index, (1, 2))] == [0, 1]
    assert pool.map(index, range(3)) == [0, 1, 2]
    results = [pool.apply_async(draw, kwds={"seed": SEED}) for _ in range(50)]
    assert [result.get() for result in results] == spawned(52)[2:]


def test_apply(pool):
    counts_single_calls(pool)


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)


def test_executors(tmp_path):
    with haid.ProcessPoolExecutor(2) as executor:
        assert list(executor.map(draw, range(100))) == spawned(100)
        futures = [executor.submit(draw) for _ in range(100)]
        assert [future.result() for future in futures] == spawned(100)
    # What is cancelled had its place: those behind it keep theirs.
    with haid.ProcessPoolExecutor(1) as executor:
        first = executor.submit(wait_for, tmp_path / "cancelled")
        futures = [executor.submit(index) for _ in range(20)]
        assert all(futures[number].cancel() for number in range(10, 15))
        (tmp_path / "cancelled").touch()
        assert first.result() is None
        assert [future.result() for future in futures if not future.cancelled()] == [*range(1, 11), *range(16, 21)]


def test_joblib():
    """Its batches, whose sizes follow the time that calls take, are no items: calls are."""
    haid.joblib.register()
    expected = spawned(200)
    with joblib.parallel_config(backend="haid", n_jobs=2):
        for batch in ("auto", 1, 7):
            calls = joblib.Parallel(batch_size=batch)
            assert calls(joblib.delayed(draw_slowly_at_first)(number) for number in range(200)) == expected
        with joblib.Parallel() as parallel:
            for _ in range(2):
                assert parallel(joblib.delayed(draw)(seed=SEED) for _ in range(50)) == expected[:50]


def fails_at_first(folder, number):
    if number % 10 in (3, 4):
        path = pathlib.Path(folder) / str(number)
        if not path.exists():
            path.touch()
            if number % 10 == 3:
                raise ValueError("not yet")
            os.kill(os.getpid(), signal.SIGKILL)
    return draw()


def test_retries(tmp_path):
    for kind in (haid.Pool, ThreadPool):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        numbers = [number for number in range(40) if kind is haid.Pool or number % 10 != 4]
        with kind(2) as pool:
            results = pool.starmap(fails_at_first, [(folder, number) for number in numbers], retries=3, backoff=0.001)
            assert results == spawned(len(numbers))
    with haid.Pool(2, maxtasksperchild=3) as pool:
        assert pool.map(draw, range(30)) == spawned(30)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_start_methods(method):
    with haid.get_context(method).Pool(2) as pool:
        assert pool.map(draw, range(50)) == spawned(50)
        assert pool.apply(index) == 0


def in_a_thread(_):
    found = []
    thread = threading.Thread(target=lambda: found.append(haid.item_index()))
    thread.start()
    thread.join()
    return found[0]


def in_a_child(_):
    child = os.fork()
    if child == 0:
        os._exit(0 if haid.item_index() is None else 1)
    return None if os.waitpid(child, 0)[1] == 0 else "one"


at_the_start = "nothing"


def keep_index():
    global at_the_start
    at_the_start = haid.item_index()


def test_where_no_item_runs(capfd):
    assert haid.item_index() is None
    with pytest.raises(RuntimeError, match=r"haid\.stream\(seed, index\)"):
        haid.stream(1)
    assert haid.stream(SEED, 3).integers(2**63) == spawned(4)[3]
    process = haid.Process(target=lambda: print(haid.item_index(), haid.stream(SEED, 1).integers(2**63)))
    process.start()
    process.join()
    assert capfd.readouterr().out == f"None {spawned(2)[1]}\n"
    for make in (haid.Pool, ThreadPool):
        with make(2, keep_index) as pool:
            assert pool.map(in_a_thread, range(4)) == pool.map(in_a_child, range(4)) == [None] * 4
            assert pool.map(index_at_the_start, range(4)) == [None] * 4


def index_at_the_start(_):
    return at_the_start


def pools_within(_):
    before = haid.item_index()
    with haid.Pool(1) as processes, ThreadPool(1) as threads:
        within = processes.map(index, range(2)), threads.map(index, range(2))
    return before, within, haid.item_index()


def test_pools_within_items(pool):
    expected = [(number, ([0, 1], [0, 1]), number) for number in range(3)]
    assert pool.map(pools_within, range(3)) == expected
    with ThreadPool(2) as threads:
        assert threads.map(pools_within, range(3)) == expected


def test_seeds_that_are_none():
    for seed in (None, 1.5, "1", b"1", [1, "2"], [[1]]):
        with pytest.raises(TypeError, match="seed must be a whole number or a sequence of them"):
            haid.stream(seed, 0)
    for seed in (-1, [1, -2], []):
        with pytest.raises(ValueError, match="seed"):
            haid.stream(seed, 0)
    with pytest.raises(TypeError, match="index must be a whole number, not 'a'"):
        haid.stream(1, "a")
    with pytest.raises(ValueError, match="index cannot be negative"):
        haid.stream(1, -1)
    same = haid.stream(7, 5).random()
    assert haid.stream(numpy.int64(7), numpy.uint8(5)).random() == haid.stream([7], 5).random() == same
    assert haid.stream(numpy.array([7, 8]), 5).random() == haid.stream((7, 8), 5).random() != same


WITHOUT_NUMPY = """
    import random, sys
    sys.modules["numpy"] = None  # as if it were not installed
    import haid

    def draw(_):
        return haid.stream(2026).random()

    if __name__ == "__main__":
        with haid.Pool(2) as pool:
            print(pool.map(draw, range(4)) == [random.Random(f"2026:{index}").random() for index in range(4)])
        print(haid.stream([3, 2**70], 1).random() == random.Random(f"3,{2**70}:1").random())
"""


def test_without_numpy():
    assert run(WITHOUT_NUMPY).stdout == "True\nTrue\n"


def test_a_broken_numpy_is_not_taken_for_none(tmp_path):
    (tmp_path / "numpy.py").write_text("import a_library_that_numpy_needs")
    said = run("""
        import haid
        try:
            haid.stream(1, 1)
        except ImportError as error:
            print(error.name)
    """, PYTHONPATH=str(tmp_path)).stdout
    assert said == "a_library_that_numpy_needs\n"


def test_seeds_of_commands():
    lines = ["echo $HAID_SEED"] * 4
    seeds = [outcome.stdout for outcome in haid.run(lines, 3, seed=SEED)]
    assert len(set(seeds)) == 4 and [outcome.stdout for outcome in haid.run(lines, 1, seed=SEED)] == seeds
    assert [outcome.stdout for outcome in haid.run(lines, env={**os.environ, "HAID_SEED": str(SEED)})] == seeds
    assert {outcome.stdout for outcome in haid.run(lines)} == {"\n"}


barrier = haid.Barrier(3)


def state_beside_others(_):
    barrier.wait()  # so that each worker runs one
    return random.getstate()


def test_the_standard_librarys_generator_is_another_one_in_each_worker():
    """CPython seeds it anew in each process that is forked: so in each worker, not once in what forks them."""
    random.seed(1)
    with haid.Pool(3) as pool:
        assert len({random.getstate(), *pool.map(state_beside_others, range(3))}) == 4
