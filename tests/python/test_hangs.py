"""What makes multiprocessing's pools hang, one test for each: every call ends, and the pool works afterwards."""
import os
import signal
import sys
import threading
import time

import pytest

import haid
from haid import futures
from breaking import PATIENCE, Script, eventually, expect_works, kill_myself, run_script, segfault, twice


def wait_for_ever(_=None):
    threading.Event().wait()


def pids_of(pool):
    return [worker.pid for worker in pool._pool if worker.pid]


def test_idle_worker_is_killed(pool):
    expect_works(pool)
    for _ in range(3):
        for pid in pids_of(pool):
            os.kill(pid, signal.SIGKILL)
        expect_works(pool)


def test_busy_worker_is_killed(pool, tmp_path):
    def busy(path):
        path.write_text(str(os.getpid()))
        wait_for_ever()

    path = tmp_path / "pid"
    result = pool.apply_async(busy, (path,))
    eventually(lambda: path.exists() and path.read_text())
    os.kill(int(path.read_text()), signal.SIGKILL)
    with pytest.raises(haid.WorkerLost):
        result.get()
    expect_works(pool)


@pytest.mark.parametrize("busy", [False, True])
def test_who_starts_the_workers_is_killed(busy):
    pool = haid.Pool(2)
    expect_works(pool)
    result = pool.map_async(wait_for_ever if busy else twice, range(4))
    if not busy:
        result.get()
    worker = pids_of(pool)[0]
    with open(f"/proc/{worker}/stat") as stat:
        parent = int(stat.read().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    calls = [
        lambda: pool.map(twice, [1]),
        lambda: list(pool.imap(twice, [1])),
        lambda: pool.apply_async(twice, (1,)).get(),
    ]

    def is_broken():
        try:
            calls[0]()
        except haid.PoolError:
            return True

    eventually(is_broken)  # workers may do one more task before they are ended, too
    for call in [result.get, *calls] if busy else calls:
        with pytest.raises(haid.PoolError):
            call()
    pool.close()
    pool.join()


def test_descriptors_run_out(tmp_path):
    source = """
import gc, haid, os, resource
before = len(os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
pools = []
try:
    while True:
        pools.append(haid.Pool(1))
except OSError as error:
    print(error.errno)
for pool in pools:
    assert pool.map(abs, [-1]) == [1]
    pool.terminate()
    pool.join()
del pools, pool
gc.collect()
assert len(os.listdir("/proc/self/fd")) == before
"""
    assert run_script(tmp_path, source) == "24\n"


@pytest.mark.parametrize("wanted, limit", [(60, 64), (300, 256)])
def test_many_pools_and_few_descriptors(tmp_path, wanted, limit):
    source = f"""
import haid, resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
pools, refused = [], 0
for _ in range({wanted}):
    try:
        pools.append(haid.Pool(2))
        assert pools[-1].map(abs, [-1, -2]) == [1, 2]
    except (OSError, haid.PoolError) as error:
        assert "ulimit -n" in str(error), error
        refused += 1
print(refused > 0 and len(pools) > 5)
for pool in pools:
    pool.terminate()
    pool.join()
"""
    with Script(tmp_path, source) as script:
        assert script.end(120)[:2] == (0, "True\n")
        script.expect_nothing_left()


def test_a_task_closes_all_descriptors(pool):
    def close_all(x):
        os.closerange(3, 1000)
        return x

    assert pool.map(close_all, range(5)) == list(range(5))
    expect_works(pool)


def close_and_open(path):
    """Whatever gets the numbers that were closed is this task's, and nothing else writes into it."""
    os.closerange(3, 1000)
    files = [open(f"{path}.{number}", "wb") for number in range(60)]
    time.sleep(0.2)  # the pool sleeps by now
    return [os.fstat(file.fileno()).st_size for file in files]


def test_a_task_that_closes_all_descriptors_answers_in_the_background_too(tmp_path):
    def close_all(x):
        os.closerange(3, 1000)
        return x

    told = []
    with haid.Pool(2) as pool:
        for _ in range(5):
            assert pool.map_async(close_all, [1, 2]).get(PATIENCE) == [1, 2]
            assert pool.apply_async(close_all, (3,), callback=told.append).get(PATIENCE) == 3
            # A result that has no room in the ring without a parent that reads.
            assert len(pool.apply_async(lambda size: close_all(bytes(size)), (20 << 20,)).get(PATIENCE)) == 20 << 20
        assert pool.map_async(close_and_open, [str(tmp_path / "a"), str(tmp_path / "b")]).get(PATIENCE) == [[0] * 60] * 2
        assert not any(path.stat().st_size for path in tmp_path.iterdir())
        expect_works(pool)
    assert told == [3] * 5
    with futures.ProcessPoolExecutor(2) as executor:
        assert [one.result(PATIENCE) for one in [executor.submit(close_all, x) for x in range(20)]] == list(range(20))


def test_too_deep(pool):
    def recurse(x):
        return recurse(x + 1)

    def nested(depth):
        value = []
        for _ in range(depth):
            value = [value]
        return value

    with pytest.raises(RecursionError):
        pool.apply(recurse, (1,))
    with pytest.raises((RecursionError, haid.pool.MaybeEncodingError)):
        pool.apply(nested, (100_000,))
    with pytest.raises(RecursionError):
        pool.map(len, [nested(100_000)])
    expect_works(pool)


class OwnInit(Exception):
    def __init__(self, number, text):
        super().__init__(f"{number}: {text}")
        self.number = number


def raises_own(_):
    raise OwnInit(3, "three")


def test_exception_with_its_own_init(pool):
    with pytest.raises(OwnInit, match="3: three") as caught:
        pool.map(raises_own, range(3))
    assert caught.value.number == 3
    expect_works(pool)


def raises_in_str(_):
    class Silent(Exception):
        def __str__(self):
            sys.exit("no text")

    raise Silent


def test_exception_whose_text_raises(pool):
    for call in pool.map, pool.apply:
        with pytest.raises(Exception):
            call(raises_in_str, [1])
    expect_works(pool)


def fails():
    raise ValueError("not today")


@pytest.mark.parametrize("initializer", [fails, sys.exit, kill_myself, segfault, lambda: os._exit(0)])
def test_initializer_fails(initializer):
    with haid.Pool(2, initializer) as pool:
        results = pool.imap(twice, range(1000)) if initializer is fails else None
        for call in (lambda: pool.map(twice, range(10)), lambda: pool.apply_async(twice, (1,)).get(),
                     lambda: list(results or pool.imap(twice, range(10)))):
            with pytest.raises((haid.PoolError, haid.TaskError, ValueError, haid.WorkerLost)):
                call()
        pool.close()
        pool.join()


def test_terminate_in_a_callback():
    pool = haid.Pool(2)
    ended = threading.Event()

    def end(_):
        pool.terminate()
        pool.join()
        ended.set()

    first = pool.apply_async(twice, (1,), callback=end)
    other = pool.map_async(wait_for_ever, range(4), callback=print, error_callback=lambda _: None)
    assert first.get() == 2
    with pytest.raises(haid.PoolClosed):
        other.get()
    assert ended.wait(30)
    pool.join()


def test_callback_raises(pool, capsys):
    def callback(_):
        raise KeyError("in the callback")

    results = [pool.apply_async(twice, (i,), callback=callback) for i in range(5)]
    assert [result.get() for result in results] == [0, 2, 4, 6, 8]
    assert capsys.readouterr().err.count("KeyError: 'in the callback'") == 5
    assert pool.apply_async(sys.exit, error_callback=callback).wait() is None
    expect_works(pool)


def test_callback_uses_the_pool(pool):
    seen = []
    result = pool.map_async(twice, range(5), callback=lambda values: seen.append(pool.map(twice, values)))
    result.wait()
    assert seen == [[0, 4, 8, 12, 16]]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_workers_are_replaced_all_the_time(most):
    with haid.Pool(2, maxtasksperchild=most) as pool:
        assert pool.map(twice, range(300)) == [2 * i for i in range(300)]
        assert sorted(pool.imap_unordered(twice, range(300))) == [2 * i for i in range(300)]
        results = [pool.apply_async(twice, (i,)) for i in range(100)]
        assert [result.get() for result in results] == [2 * i for i in range(100)]
        pool.close()
        pool.join()


@pytest.mark.parametrize("size", [65_535, 1 << 20, 30 << 20])
def test_larger_than_a_pipe(pool, size):
    assert pool.map(len, [bytes(size)] * 4) == [size] * 4
    assert [len(value) for value in pool.imap(bytes, [size] * 4)] == [size] * 4
    assert pool.apply(len, (["a" * 100] * (size // 1000),)) == size // 1000
    with pytest.raises(Exception):
        pool.map(raises_large, [size] * 3)
    expect_works(pool)


def raises_large(size):
    raise ValueError("x" * size)


def test_join_after_a_broken_map():
    pool = haid.Pool(2)
    for function in kill_myself, segfault:
        with pytest.raises(haid.WorkerLost):
            pool.starmap(function, [()] * 2)
    pool.close()
    pool.join()


def test_terminate_wakes_those_who_wait():
    pool = haid.Pool(2)
    errors = []

    def wait_for(call):
        try:
            call()
        except haid.PoolClosed as error:
            errors.append(error)

    calls = [lambda: pool.map(wait_for_ever, range(3)), lambda: list(pool.imap(wait_for_ever, range(3))),
             lambda: pool.apply_async(wait_for_ever).get()]
    threads = [threading.Thread(target=wait_for, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    pool.terminate()
    for thread in threads:
        thread.join()
    assert len(errors) == 3


def test_an_imap_outlives_the_name_of_its_pool():
    assert list(haid.Pool(2).imap(twice, range(10))) == [2 * i for i in range(10)]
    assert haid.Pool(2).map_async(twice, range(10)).get() == [2 * i for i in range(10)]


def leaves_a_process(_):
    haid.Process(target=time.sleep, args=(1000,)).start()


def test_a_process_that_a_task_has_left_does_not_hold_up_the_end():
    """A worker that leaves joins its children, as any process does; the pool does not wait for it for ever."""
    began = time.monotonic()
    with haid.Pool(2) as pool:
        pool.map(leaves_a_process, range(2))
    assert time.monotonic() - began < 60
