"""Whoever leaves results that come one after another gives up what has not begun; what has begun is let end."""
import concurrent.futures
import functools
import os
import signal
import textwrap
import threading
import time

import pytest

import haid
from breaking import PATIENCE, Script, eventually
from haid.futures import BrokenProcessPool, ProcessPoolExecutor

ITEMS = 60
QUICK = 3  # the first of them; the others wait until they may go on
WORKERS = 2


class Work:
    """Items that say when they begin."""

    def __init__(self, folder, fails=-1):
        self._folder = folder
        self._fails = fails

    def __call__(self, number):
        with open(self._folder / "begun", "a") as file:
            file.write("x")
        if number == self._fails:
            raise ValueError("mine")
        if number >= QUICK:
            eventually((self._folder / "go").exists)
        return number

    def begun(self):
        try:
            return (self._folder / "begun").stat().st_size
        except FileNotFoundError:
            return 0

    def go_on(self):
        (self._folder / "go").touch()

    def expect_given_up(self):
        """When all is over."""
        assert QUICK <= self.begun() <= QUICK + WORKERS


def leave_by_break(results):
    for number in results:
        if number == QUICK - 1:
            break


def leave_by_close(results):
    assert [next(results) for _ in range(QUICK)] == list(range(QUICK))
    if hasattr(results, "close"):
        results.close()


def leave_by_an_exception_of_an_item(results):
    with pytest.raises(ValueError, match="mine"):
        for _ in results:
            pass


def leave_by_an_exception_of_the_caller(results):
    with pytest.raises(KeyError):
        for number in results:
            if number == QUICK - 1:
                raise KeyError(number)


LEAVES = [leave_by_break, leave_by_close, leave_by_an_exception_of_an_item, leave_by_an_exception_of_the_caller]


def work_for(leave, folder):
    return Work(folder, fails=QUICK - 1 if leave is leave_by_an_exception_of_an_item else -1)


@pytest.mark.parametrize("leave", LEAVES)
@pytest.mark.parametrize("options", [{}, {"buffersize": 20}, {"timeout": PATIENCE}])
def test_an_executors_map(tmp_path, leave, options):
    work = work_for(leave, tmp_path)
    with ProcessPoolExecutor(WORKERS) as executor:
        leave(executor.map(work, range(ITEMS), **options))
        work.go_on()
    work.expect_given_up()


@pytest.mark.parametrize("leave", LEAVES)
@pytest.mark.parametrize("way", ["imap", "imap_unordered"])
@pytest.mark.parametrize("kind", [haid.Pool, haid.ThreadPool])
@pytest.mark.parametrize("options", [{}, {"progress": True}])
def test_an_imap(tmp_path, kind, way, leave, options):
    if way == "imap_unordered" and leave is not leave_by_an_exception_of_an_item:
        leave = leave_by_some
    work = work_for(leave, tmp_path)
    pool = kind(WORKERS)
    leave(getattr(pool, way)(work, range(ITEMS), **options))
    work.go_on()
    pool.close()
    pool.join()
    work.expect_given_up()


def leave_by_some(results):
    for _ in range(QUICK):
        next(results)


def test_an_executors_map_that_takes_too_long(tmp_path):
    work = Work(tmp_path)
    with ProcessPoolExecutor(WORKERS) as executor:
        with pytest.raises(concurrent.futures.TimeoutError):
            list(executor.map(work, range(ITEMS), timeout=0.3))
        work.go_on()
    assert work.begun() <= QUICK + WORKERS


def test_shutdown_that_cancels(tmp_path):
    work = Work(tmp_path)
    executor = ProcessPoolExecutor(WORKERS)
    results = executor.map(work, range(ITEMS))
    assert next(results) == 0
    executor.map(work, range(QUICK, ITEMS))
    futures = [executor.submit(work, QUICK) for _ in range(ITEMS)]
    eventually(lambda: work.begun() == QUICK + WORKERS)
    executor.shutdown(wait=False, cancel_futures=True)
    work.go_on()
    # What had begun is there, up to the first that had not.
    assert [next(results) for _ in range(QUICK)] == list(range(1, QUICK + 1))
    with pytest.raises(concurrent.futures.CancelledError):
        list(results)
    executor.shutdown()
    assert len([future for future in futures if future.cancelled()]) >= ITEMS - WORKERS - 1
    assert not concurrent.futures.wait(futures, PATIENCE).not_done
    assert work.begun() <= QUICK + WORKERS + WORKERS + 1


def test_futures_that_are_cancelled(tmp_path):
    work = Work(tmp_path)
    told = []
    with ProcessPoolExecutor(1) as executor:
        running = executor.submit(work, QUICK)
        waiting = [executor.submit(work, 0) for _ in range(5)]
        for future in waiting:
            future.add_done_callback(told.append)
        eventually(lambda: work.begun() == 1)
        assert not running.cancel()
        assert waiting[-1].cancel() and waiting[-1].cancelled() and told == [waiting[-1]]
        assert waiting[-1].cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            waiting[-1].result()
        work.go_on()
        assert set(concurrent.futures.as_completed(waiting, PATIENCE)) == set(waiting)
        assert concurrent.futures.wait(waiting, PATIENCE).not_done == set()
    assert running.result() == QUICK and waiting[0].result() == 0
    assert set(told) == set(waiting) and work.begun() == 5


def test_what_nobody_has_asked_for_a_result_is_wanted_for_what_it_does(tmp_path):
    work = Work(tmp_path)
    work.go_on()
    with ProcessPoolExecutor(WORKERS) as executor:
        executor.map(work, range(ITEMS))
    assert work.begun() == ITEMS
    pool = haid.Pool(WORKERS)
    pool.imap(work, range(ITEMS))
    pool.map_async(work, range(ITEMS))
    pool.close()
    pool.join()
    assert work.begun() == 3 * ITEMS


def test_an_executor_that_ends_reads_no_more():
    executor = ProcessPoolExecutor(WORKERS)
    results = executor.map(abs, iter(range(ITEMS)), buffersize=5)
    assert next(results) == 0
    executor.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        for number in results:
            assert number < 10
    executor = ProcessPoolExecutor(WORKERS)
    executor.map(abs, range(ITEMS), buffersize=5)
    executor.shutdown()


def test_an_executor_that_nobody_has_reads_on():
    results = ProcessPoolExecutor(WORKERS).map(abs, iter(range(ITEMS)), buffersize=5)
    assert list(results) == list(range(ITEMS))


def test_a_pool_that_was_ended_has_no_further_results():
    with haid.Pool(WORKERS) as pool:
        results = pool.imap(abs, range(100_000), buffersize=10)
        assert next(results) == 0
    with pytest.raises(haid.PoolClosed):
        list(results)


def test_an_imap_that_waits_for_its_input_and_is_left_holds_nothing_up():
    never = threading.Event()

    def inputs():
        yield 0
        never.wait(PATIENCE)

    pool = haid.Pool(WORKERS)
    assert next(pool.imap(abs, inputs())) == 0
    pool.close()
    begun = time.monotonic()
    pool.join()
    assert time.monotonic() - begun < PATIENCE - 5
    never.set()


def test_control_c_while_an_executor_is_used(tmp_path):
    work = Work(tmp_path)
    with pytest.raises(KeyboardInterrupt), ProcessPoolExecutor(WORKERS) as executor:
        running = executor.submit(work, QUICK)
        eventually(lambda: work.begun() == 1)
        for _ in executor.map(work, range(ITEMS)):
            signal.raise_signal(signal.SIGINT)
    # Nobody has let it go on.
    with pytest.raises(BrokenProcessPool, match="was ended"):
        running.result()


CALLS = {
    "map": "list(executor.map(slow, range(60)))",
    "map, buffersize": "list(executor.map(slow, range(60), buffersize=8))",
    "submit": "[executor.submit(slow, number) for number in range(60)][3].result()",
    "wait": "concurrent.futures.wait([executor.submit(slow, number) for number in range(60)])",
    "as_completed": "list(concurrent.futures.as_completed([executor.submit(slow, number) for number in range(60)]))",
    "shutdown": "[executor.submit(slow, number) for number in range(60)]; executor.shutdown()",
    "the end of with": "[executor.submit(slow, number) for number in range(60)]",
}
SLOW = """
import concurrent.futures, os, threading
from haid.futures import ProcessPoolExecutor

def slow(_):
    os.write(1, b"started\\n")
    threading.Event().wait(1000)
"""


@pytest.mark.parametrize("call", CALLS)
def test_control_c(tmp_path, call):
    source = SLOW + textwrap.dedent(f"""
        try:
            with ProcessPoolExecutor(2) as executor:
                {CALLS[call]}
        except KeyboardInterrupt:
            os.write(1, b"interrupted\\n")
    """)
    with Script(tmp_path, source) as script:
        assert "Traceback" not in script.end_by_interrupt()
        script.expect_nothing_left()


@pytest.mark.parametrize("call", [call for call in CALLS if "with" not in call])
def test_control_c_that_nobody_expects(tmp_path, call):
    with Script(tmp_path, SLOW + f"executor = ProcessPoolExecutor(2)\n{CALLS[call]}\n") as script:
        assert script.wait_for_line() == "started"
        script.interrupt()
        status, _, errors = script.end()
        assert status == -signal.SIGINT and errors.rstrip().endswith("KeyboardInterrupt"), errors
        script.expect_nothing_left()


def wait_for(folder, number):
    with open(folder / "begun", "a") as file:
        file.write("x")
    if number:
        eventually((folder / "go").exists)
    return number


def test_joblib(tmp_path):
    joblib = pytest.importorskip("joblib")
    import haid.joblib

    haid.joblib.register()
    with joblib.parallel_config(backend="haid", n_jobs=2):
        results = joblib.Parallel(return_as="generator", batch_size=1)(
            joblib.delayed(functools.partial(wait_for, tmp_path))(number) for number in range(ITEMS))
        assert next(results) == 0
        results.close()  # ends what runs, as joblib has it: nobody has let it go on
        assert joblib.Parallel()(joblib.delayed(abs)(number) for number in range(5)) == list(range(5))
    assert os.path.getsize(tmp_path / "begun") < ITEMS // 2
