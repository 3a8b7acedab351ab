"""timeout=, retries= and backoff=."""
import os
import signal
import threading
import time

import pytest

import haid
from breaking import Script, expect_works, processes_with, twice


def test_timeout(pool):
    def wait(seconds):
        threading.Event().wait(seconds)
        return seconds

    with pytest.raises(haid.TimeoutError):
        pool.map(wait, [0, 1000], timeout=0.2)
    results = pool.imap(wait, [0, 1000, 0], timeout=2)
    assert next(results) == 0
    with pytest.raises(haid.TimeoutError):
        next(results)
    assert list(results) == [0]
    for timeout in float("inf"), 1e12:
        assert pool.map(wait, [0], timeout=timeout) == [0]
    for wrong in 0, -1, float("nan"):
        with pytest.raises(ValueError):
            pool.map(wait, [0], timeout=wrong)
    expect_works(pool)


@pytest.mark.parametrize("way", ["raise", "die", "hang"])
def test_retries(pool, tmp_path, way):
    def fails_twice(item):
        with open(tmp_path / str(item), "a") as file:
            file.write("x")
        if item == 3 and (tmp_path / "3").stat().st_size <= 2:
            if way == "die":
                os._exit(1)
            if way == "hang":
                threading.Event().wait(1000)
            raise ValueError
        return item

    limits = {"timeout": 0.5} if way == "hang" else {}
    assert pool.map(fails_twice, range(8), retries=2, backoff=0, **limits) == list(range(8))
    if way != "hang":  # where a busy machine may be too slow for an item
        assert (tmp_path / "3").read_text() == "xxx"
        assert {(tmp_path / str(item)).read_text() for item in range(8) if item != 3} == {"x"}
    for call in "imap", "imap_unordered":
        for path in tmp_path.iterdir():
            path.unlink()
        assert sorted(getattr(pool, call)(fails_twice, range(8), retries=2, backoff=0.001, **limits)) == list(range(8))
    (tmp_path / "3").unlink()
    with pytest.raises((ValueError, haid.WorkerLost, haid.TimeoutError)):
        pool.apply(fails_twice, (3,), retries=1, backoff=0, **limits)


def test_limits_that_make_no_sense(pool):
    for wrong in [{"retries": -1}, {"backoff": -1}, {"retries": 1.5}, {"backoff": float("nan")}, {"retires": 1}]:
        with pytest.raises((ValueError, TypeError)):
            pool.map(twice, [1], **wrong)
    assert pool.map(twice, [1], retries=10**12, backoff=float("inf")) == [2]


def test_time_in_which_everything_stood_still_is_no_time_of_an_item(tmp_path):
    """A container is frozen, a job suspended, a laptop asleep."""
    source = """
import haid, time
def work(item):
    print("started", flush=True)
    for _ in range(10):
        time.sleep(0.1)
    return item
with haid.Pool(1) as pool:
    print(pool.map(work, [1], timeout=2.5), pool.apply_async(work, (2,), timeout=2.5).get())
"""
    with Script(tmp_path, source) as script:
        for _ in range(2):
            assert script.wait_for_line() == "started"
            frozen = processes_with(script.mark)
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(3.5)
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        status, out, errors = script.end()
        assert (status, out, errors) == (0, "[1] 2\n", "")


@pytest.mark.parametrize("timeout", [1e12, float("inf")])
def test_waits_that_are_longer_than_a_clock_can_say_wait_for_what_comes(pool, timeout):
    assert pool.map_async(twice, [1]).get(timeout) == [2]
    assert pool.map_async(twice, [1], callback=print).get(timeout) == [2]
    assert pool.imap(twice, [1]).next(timeout) == 2
    lock = haid.Lock()
    assert lock.acquire(timeout=timeout)
    queue = haid.Queue()
    queue.put(3)
    assert queue.get(timeout=timeout) == 3
