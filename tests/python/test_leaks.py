"""Pools by the thousand leave nothing: no descriptor, no process, no thread, no memory."""
import gc
import os
import threading

import numpy as np
import pytest

import haid
from breaking import eventually, twice


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def children():
    return [pid for thread in os.listdir("/proc/self/task")
            for pid in open(f"/proc/self/task/{thread}/children").read().split()]


def threads():
    return len(os.listdir("/proc/self/task"))


def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")


def mappings():
    return sum(1 for _ in open("/proc/self/maps"))


class Measured:
    """What a process has; it may not have more after a number of rounds than after the first of them."""

    def __init__(self):
        gc.collect()
        self._before = descriptors(), set(children()), threads(), threading.active_count()
        self._resident, self._mappings = resident(), mappings()

    def expect_the_same(self, memory):
        gc.collect()
        # What other tests have left to the collector may go meanwhile.
        eventually(lambda: self._before[1].issuperset(children()) and threads() <= self._before[2])
        assert descriptors() <= self._before[0]
        assert threading.active_count() <= self._before[3]
        assert resident() - self._resident < memory
        assert mappings() - self._mappings < 50


def one_pool(round):
    pool = haid.Pool(1 + round % 2)
    assert pool.map(twice, range(5)) == [0, 2, 4, 6, 8]
    if round % 4 < 2:
        assert pool.map_async(twice, range(3), callback=(id if round % 4 else None)).get() == [0, 2, 4]
    if round % 2:
        pool.close()
    else:
        pool.terminate()
    pool.join()


def test_a_thousand_pools():
    for round in range(50):
        one_pool(round)
    measured = Measured()
    for round in range(1000):
        one_pool(round)
    measured.expect_the_same(memory=8 << 20)


@pytest.mark.parametrize("end", ["close", "terminate"])
def test_pools_that_are_kept_after_their_end(end):
    measured = Measured()
    pools = []
    for round in range(20):
        pool = haid.Pool(2)
        pool.map_async(twice, range(3)).get()
        getattr(pool, end)()
        pool.join()
        pools.append(pool)
    eventually(lambda: measured._before[1].issuperset(children()))
    assert threads() <= measured._before[2]


def test_pools_that_are_forgotten():
    measured = Measured()
    for _ in range(20):
        with pytest.warns(ResourceWarning):
            pool = haid.Pool(2)
            assert next(pool.imap(twice, range(3))) == 0
            del pool
            gc.collect()
    measured.expect_the_same(memory=8 << 20)


def test_pools_that_break():
    def ends():
        os._exit(1)

    def round():
        with haid.Pool(2, ends) as pool:
            with pytest.raises(haid.PoolError):
                pool.map(twice, range(5))

    for _ in range(5):
        round()
    measured = Measured()
    for _ in range(30):
        round()
    measured.expect_the_same(memory=8 << 20)


def plus_one(array):
    return array + 1


def own_memory(_):
    return resident()


def largest_worker(pool):
    return max(pool.map(own_memory, range(20)))


def expect_the_same_of_workers_too(pool, rounds, first, more, memory):
    rounds(first)
    measured = Measured()
    before = largest_worker(pool)
    rounds(more)
    measured.expect_the_same(memory)
    assert largest_worker(pool) - before < memory


def test_large_arrays():
    array = np.zeros(250_000)

    def rounds(number):
        for _ in range(number):
            for result in pool.map(plus_one, [array] * 4):
                assert result[-1] == 1
            for result in pool.imap_unordered(plus_one, [array] * 4):
                assert result[-1] == 1

    with haid.Pool(2) as pool:
        expect_the_same_of_workers_too(pool, rounds, first=20, more=100, memory=32 << 20)


def test_many_calls_of_many_functions():
    def rounds(number):
        for i in range(number):
            assert pool.map(lambda x, i=i: x + i, [1]) == [1 + i]
            assert pool.apply_async(twice, (i,), callback=id).get() == 2 * i
            with pytest.raises(ZeroDivisionError):
                pool.apply(divmod, (1, 0))
            next(pool.imap(twice, range(10)))

    with haid.Pool(2) as pool:
        expect_the_same_of_workers_too(pool, rounds, first=100, more=1000, memory=16 << 20)


def shared_memory():
    status = open("/proc/self/status").read().split()
    return int(status[status.index("RssShmem:") + 1]) * 1024


def test_what_passes_through_a_pool_does_not_lie_in_its_memory():
    with haid.Pool(2) as pool:
        before = shared_memory()
        for result in pool.imap(str, (f"{number:0100}" for number in range(200_000)), buffersize=1000):
            assert len(result) == 100
        assert shared_memory() - before < 4 << 20  # 20 MB have passed
