"""haid.futures.ProcessPoolExecutor, where CPython's own tests do not look."""
import concurrent.futures
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import haid
from haid.futures import BrokenProcessPool, ProcessPoolExecutor, WorkerLost


def sleep_and_give(value, seconds=0.05):
    time.sleep(seconds)
    return value


def kill_myself():
    os.kill(os.getpid(), signal.SIGKILL)


def fail():
    raise ValueError("no")


def test_a_lost_worker_costs_one_call():
    with ProcessPoolExecutor(2) as executor:
        others = [executor.submit(sleep_and_give, number) for number in range(10)]
        lost = executor.submit(kill_myself)
        with pytest.raises(BrokenProcessPool) as caught:
            lost.result()
        assert isinstance(caught.value, WorkerLost) and isinstance(caught.value, haid.WorkerLost)
        assert caught.value.signal == signal.SIGKILL
        assert [other.result() for other in others] == list(range(10))
        assert executor.submit(pow, 2, 3).result() == 8
        with pytest.raises(WorkerLost):
            list(executor.map(lambda _: kill_myself(), [1]))


def test_closures():
    offset = 10
    with ProcessPoolExecutor(2) as executor:
        assert list(executor.map(lambda a, b: a + b + offset, range(5), range(5))) == [10, 12, 14, 16, 18]
        assert executor.submit(lambda **names: names, a=1).result() == {"a": 1}


def test_map_is_submitted_at_once_and_lazily_with_a_buffer():
    read = []

    def numbers():
        for number in range(1000):
            read.append(number)
            yield number

    with ProcessPoolExecutor(2) as executor:
        executor.map(abs, numbers())
        assert len(read) == 1000
        read.clear()
        results = executor.map(abs, numbers(), buffersize=10)
        assert next(results) == 0 and len(read) <= 20
        assert list(results) == list(range(1, 1000))


def test_map_raises_in_its_turn():
    with ProcessPoolExecutor(2) as executor:
        results = executor.map(lambda number: 1 // number, [1, 0, 1])
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
        with pytest.raises(TimeoutError if sys.version_info >= (3, 11) else concurrent.futures.TimeoutError):
            list(executor.map(sleep_and_give, [1], [0.5], timeout=0.05))
        with pytest.raises(RuntimeError, match="mine"):
            executor.map(abs, (number for number in raising()))


def raising():
    yield 1
    raise RuntimeError("mine")


def test_max_tasks_per_child():
    with ProcessPoolExecutor(1, max_tasks_per_child=2) as executor:
        pids = [executor.submit(os.getpid).result() for _ in range(6)]
    assert len(set(pids)) == 3


def test_an_initializer_that_fails(caplog):
    executor = ProcessPoolExecutor(2, initializer=fail)
    with pytest.raises(BrokenProcessPool, match="no"):
        executor.submit(abs, 1).result()
    with pytest.raises(BrokenProcessPool):
        executor.submit(abs, 1)
    executor.shutdown()


def test_workers_that_do_not_come_to_life():
    with ProcessPoolExecutor(2, initializer=os._exit, initargs=(3,)) as executor:
        with pytest.raises(BrokenProcessPool, match="before they are ready"):
            executor.submit(abs, 1).result()
        with pytest.raises(BrokenProcessPool):
            executor.submit(abs, 1)


def test_cancel():
    with ProcessPoolExecutor(1) as executor:
        running = executor.submit(sleep_and_give, 1, 0.2)
        waiting = [executor.submit(sleep_and_give, 2) for _ in range(5)]
        assert waiting[-1].cancel() and not running.cancel()
        assert concurrent.futures.wait(waiting).not_done == set()
    assert running.result() == 1 and waiting[-1].cancelled() and waiting[0].result() == 2


def test_without_waiting():
    executor = ProcessPoolExecutor(2)
    futures = [executor.submit(sleep_and_give, number) for number in range(6)]
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        executor.submit(abs, 1)
    assert [future.result() for future in futures] == list(range(6))


@pytest.mark.filterwarnings("error")
def test_an_executor_that_nobody_has_ends_its_work():
    executor = ProcessPoolExecutor(2)
    futures = [executor.submit(sleep_and_give, number) for number in range(6)]
    futures[0].result()
    workers = [worker for worker in executor._work.pool._pool if worker.pid]
    del executor
    gc.collect()
    assert [future.result() for future in futures] == list(range(6))
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()


def test_a_callback_that_submits():
    done = threading.Event()
    with ProcessPoolExecutor(1) as executor:
        first = executor.submit(abs, -1)
        first.add_done_callback(lambda _: executor.submit(abs, -2).add_done_callback(lambda _: done.set()))
        assert done.wait(60)


def test_all_is_done_before_the_program_ends():
    program = """
import time
from haid.futures import ProcessPoolExecutor
executor = ProcessPoolExecutor(2)
for number in range(4):
    executor.submit(lambda number: (time.sleep(.1), print(number)), number)
"""
    output = subprocess.run([sys.executable, "-W", "error", "-c", program], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=60).stdout
    assert sorted(output.split()) == list("0123")


def test_other_start_methods_are_the_standard_librarys():
    executor = ProcessPoolExecutor(1, mp_context=haid.get_context("spawn"))
    with executor:
        assert type(executor) is concurrent.futures.ProcessPoolExecutor
        assert executor.submit(abs, -1).result() == 1
