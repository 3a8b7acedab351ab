"""Inputs that raise, use the pool, or are read by many threads."""
import threading
import time

import pytest

import haid
from breaking import expect_works, twice


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
