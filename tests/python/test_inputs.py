"""Inputs that raise, use the pool, or are read by many threads."""
import queue
import threading
import time

import pytest

import haid
from breaking import Script, eventually, expect_works, twice


def broken_input():
    yield from range(10)
    raise KeyError("no more")


def test_input_raises(pool):
    for call in (pool.map, pool.starmap):
        with pytest.raises((KeyError, TypeError)):
            call(twice, broken_input())
    with pytest.raises(KeyError):
        pool.map_async(twice, broken_input()).get()
    for results in pool.imap(twice, broken_input()), pool.imap_unordered(twice, broken_input()):
        seen = []
        with pytest.raises(KeyError):
            for value in results:
                seen.append(value)
        assert sorted(seen) == [2 * i for i in range(10)]
    expect_works(pool)


def test_input_uses_the_same_pool(pool):
    def inputs():
        for i in range(20):
            yield pool.apply(twice, (i,))

    expected = [4 * i for i in range(20)]
    assert pool.map(twice, inputs()) == expected
    assert list(pool.imap(twice, inputs(), buffersize=3)) == expected
    assert pool.map(twice, pool.imap(twice, range(20))) == expected


def test_input_asks_for_its_own_result(pool):
    def inputs():
        yield 1
        next(results)

    results = pool.imap(twice, inputs())
    with pytest.raises(ValueError):
        list(results)
    expect_works(pool)


def test_threads_share_an_imap(pool):
    seen = []

    def inputs():
        for i in range(2000):
            if i % 400 == 0:
                time.sleep(0.002)
            yield i

    results = pool.imap_unordered(twice, inputs(), buffersize=50)
    threads = [threading.Thread(target=lambda: seen.extend(results)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [2 * i for i in range(2000)]


def test_join_while_a_thread_takes_results():
    pool = haid.Pool(2)
    seen = []
    results = pool.imap(twice, iter(range(3000)), buffersize=20)
    thread = threading.Thread(target=lambda: seen.extend(results))
    thread.start()
    pool.close()
    pool.join()
    thread.join()
    assert seen == [2 * i for i in range(3000)]


POOLS = pytest.mark.parametrize("kind", [haid.Pool, haid.ThreadPool])
CALLS = pytest.mark.parametrize("call", ["imap", "imap_unordered"])


@POOLS
@CALLS
def test_input_that_waits_for_results(kind, call):
    waiting = queue.Queue()
    waiting.put(300)
    with kind(2) as pool:
        seen = []
        for left in getattr(pool, call)(abs, iter(waiting.get, None)):
            seen.append(left)
            waiting.put(left - 1 if left else None)
    assert seen == list(range(300, -1, -1))


@POOLS
@CALLS
@pytest.mark.parametrize("count", [1, 5, 3000])
def test_what_was_read_is_run_while_the_input_waits(kind, call, count):
    all_seen = threading.Event()

    def inputs():
        yield from range(count)
        all_seen.wait()
        yield count

    with kind(2) as pool:
        results = getattr(pool, call)(twice, inputs())
        assert sorted(next(results) for _ in range(count)) == [2 * i for i in range(count)]
        with pytest.raises(haid.TimeoutError):
            results.next(timeout=0.05)
        all_seen.set()
        assert list(results) == [2 * count]


@POOLS
def test_a_file_is_an_input(kind, tmp_path):
    path = tmp_path / "lines"
    path.write_text("".join(f"{i}\n" for i in range(2000)))
    with kind(2) as pool, path.open() as file:
        assert list(pool.imap(int, file)) == list(range(2000))


@POOLS
def test_the_rest_is_read_after_close(kind):
    pool = kind(2)
    results = pool.imap(twice, iter(range(1000)), buffersize=5)
    assert next(results) == 0
    pool.close()
    pool.join()
    assert list(results) == [2 * i for i in range(1, 1000)]


@POOLS
@pytest.mark.parametrize("end", ["drop", "terminate"])
def test_nobody_reads_on_for_nobody(kind, end):
    def inputs():
        while True:
            yield from range(10)

    with kind(2) as pool:
        before = set(threading.enumerate())
        results = pool.imap(twice, inputs())
        assert next(results) == 0
        if end == "terminate":
            pool.terminate()
        del results
        eventually(lambda: set(threading.enumerate()) <= before)


def test_large_inputs_are_not_read_in_store():
    read = 0

    def inputs():
        nonlocal read
        for _ in range(100):
            read += 1
            yield bytes(8 << 20)

    def wait(_):
        threading.Event().wait(1000)

    with haid.Pool(2) as pool:
        results = pool.imap(wait, inputs())
        with pytest.raises(haid.TimeoutError):
            results.next(timeout=0.5)
        assert 2 <= read <= 12
