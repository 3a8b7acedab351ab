"""What a pool has used and does not need any more goes back to the system, and to whoever else wants it."""
import os
import time

import numpy as np
import pytest

import haid
from breaking import eventually, run_script

LARGE = 100_000_000  # bytes
LITTLE = LARGE // 5


def worker_pids(pool):
    eventually(lambda: all(worker.pid for worker in pool._pool))
    return [worker.pid for worker in pool._pool]


def pools_memory(pid):
    """The memory files of pools that a process has: their numbers, and the memory that they take."""
    files = {}
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(entry.path).startswith("/memfd:haid"):
                status = os.stat(entry.path)
                files[status.st_ino] = status.st_blocks * 512
        except FileNotFoundError:
            pass
    return files


def mapped(pid):
    return sum("/memfd:haid" in line for line in open(f"/proc/{pid}/maps"))


def in_memory(pid, what="RssShmem:"):
    status = open(f"/proc/{pid}/status").read().split()
    return int(status[status.index(what) + 1]) * 1024


def total(array):
    return float(array.sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_idle_pool_keeps_no_inputs(method):
    with haid.get_context(method).Pool(2) as pool:
        pids = worker_pids(pool)
        for _ in range(2):
            assert pool.map(total, [np.ones(LARGE // 8)] * 2) == [LARGE // 8] * 2
            eventually(lambda: sum(pools_memory(pids[0]).values()) < LITTLE)
            assert in_memory("self") < LITTLE
            assert all(in_memory(pid) < LITTLE for pid in pids)


def test_inputs_are_what_they_are_while_their_memory_is_given_back():
    ones = np.ones(1_000_000)
    with haid.Pool(2) as pool:
        pids = worker_pids(pool)
        for round in range(3):
            assert pool.map(total, [ones * round] * 4) == [1e6 * round] * 4
            eventually(lambda: sum(pools_memory(pids[0]).values()) < 1 << 20)
            # In the middle of it, too, now and then.
            assert pool.map(total, [ones * number for number in range(20)]) == [1e6 * number for number in range(20)]
            time.sleep(2 - 0.01 * round)
            assert pool.map(total, [ones * number for number in range(20)]) == [1e6 * number for number in range(20)]


def test_a_pool_has_nothing_of_another():
    with haid.Pool(2) as first:
        first_worker = worker_pids(first)[0]
        assert first.map(total, [np.ones(LARGE // 8)]) == [LARGE // 8]
        with haid.Pool(2) as second:
            for pid in worker_pids(second):
                assert mapped(pid) == 1 and len(pools_memory(pid)) == 1
                assert pools_memory(pid).keys() != pools_memory(first_worker).keys()
        process = haid.Process(target=time.sleep, args=(1000,))
        process.start()
        assert mapped(process.pid) == 0
        process.kill()
        process.join()
        assert first.map(total, [np.ones(100_000)] * 10) == [100_000] * 10  # with what it has, and replaced
        os.kill(first_worker, 9)
        assert first.map(total, [np.ones(100_000)] * 10) == [100_000] * 10


LOOP = """
import gc, os, weakref
import haid

class Data(list):
    pass

def twice(x):
    return 2 * x

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def addresses():
    return int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGESIZE")

seen = []
for round in range(30):
    data = Data([round])
    contained = [Data([round])]
    seen += weakref.ref(data), weakref.ref(contained[0])
    MADE
    if round == 2:
        before = descriptors(), addresses()
gc.collect()
assert descriptors() - before[0] < 10, (descriptors(), before)
assert addresses() - before[1] < 1 << 40, (addresses(), before)
alive = [reference() for reference in seen if reference() is not None]
assert len(alive) <= 6, alive
print("right")
"""
WAYS = {
    "join": """
    pool = haid.Pool(2)
    assert pool.map(twice, [1, 2]) == [2, 4]
    pool.close()
    pool.join()
""",
    "with": """
    with haid.Pool(2) as pool:
        assert pool.map(twice, [1, 2]) == [2, 4]
""",
    "none": """
    pool = haid.Pool(2)
    assert pool.map(lambda x: x + 1, [1, 2]) == [2, 3]
""",
    "list": """
    pools = [haid.Pool(1) for _ in range(2)]
    assert [pool.map(twice, [1]) for pool in pools] == [[2], [2]]
""",
    "executor": """
    import haid.futures
    with haid.futures.ProcessPoolExecutor(2) as executor:
        assert list(executor.map(twice, [1, 2])) == [2, 4]
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_pools_in_a_loop_of_the_main_module(tmp_path, way):
    source = LOOP.replace("    MADE\n", WAYS[way])
    assert run_script(tmp_path, source, environment={"PYTHONWARNINGS": "ignore::ResourceWarning"}) == "right\n"


DATA = """
import haid

numbers = [1, 2, 3]
large = {"a": 1}
pool = haid.Pool(1)

def look():
    return numbers, large["a"], thing.value

class Thing:
    value = 1

thing = Thing()
assert pool.apply(look) == ([1, 2, 3], 1, 1)
for round in range(100):
    # Each of them may lie where the one before it was.
    numbers, large, thing = [round], {"a": round}, Thing()
    thing.value = round
    assert pool.apply(look) == ([round], round, round), round
numbers = None
assert pool.apply(look) == (None, 99, 99)
print("right")
"""


def test_data_that_was_replaced_is_never_taken_for_what_it_was(tmp_path):
    assert run_script(tmp_path, DATA) == "right\n"
