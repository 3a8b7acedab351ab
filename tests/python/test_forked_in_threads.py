"""Pools and processes that any thread of a program starts end in order: who forks is the main thread of the new process."""
import pytest

from breaking import Script, run_script

WAYS = """
import _thread
import asyncio
import os
import sys
import threading
import warnings
from concurrent import futures as standard

import haid
from haid import futures

warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads: Python 3.12


def in_thread_of_executor(function):
    with standard.ThreadPoolExecutor(2) as executor:
        executor.submit(function).result()


def in_task_of_asyncio(function):
    asyncio.run(asyncio.to_thread(function))


def in_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def in_daemonic_thread(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join()


def in_thread_that_python_has_not_made(function):
    end = threading.Event()

    def run():
        threading.current_thread()  # from then on threading has an object for it
        try:
            function()
        finally:
            end.set()

    _thread.start_new_thread(run, ())
    end.wait()


def in_callback(function):
    '''In the thread that manages an executor's processes.'''
    end = threading.Event()

    def run(_):
        try:
            function()
        finally:
            end.set()

    with standard.ProcessPoolExecutor(1) as executor:
        executor.submit(abs, -1).add_done_callback(run)
        end.wait()


def in_thread_that_is_waited_for_at_the_end(function):
    thread = threading.Thread(target=function)
    threading._register_atexit(lambda: thread.join())
    thread.start()
    thread.join()
"""
STARTS = [line[4:].partition("(")[0] for line in WAYS.splitlines() if line.startswith("def in_")]
DOORS = """
left = None


def leaves_an_executor(x):
    global left
    left = standard.ThreadPoolExecutor(1)
    left.submit(finish_later)
    return left.submit(abs, -x).result()


def finish_later():
    threading.Event().wait(0.05)
    os.write(1, b"finished\\n")


def fails(_):
    raise SystemExit(3)


def nested(x):
    results = []
    in_thread_of_executor(lambda: results.append(with_pool(haid)))
    return results[0]


def with_pool(context):
    with context.Pool(2) as pool:
        results = pool.map(abs, range(-3, 0))
        pool.close()
        pool.join()
    return results


def use():
    context = haid.get_context(METHOD)
    assert with_pool(context) == [3, 2, 1]
    with context.Pool(1, maxtasksperchild=1) as pool:
        assert list(pool.imap(leaves_an_executor, range(3))) == [0, 1, 2]
        pool.close()
        pool.join()
    with futures.ProcessPoolExecutor(2, context) as executor:
        assert list(executor.map(abs, range(-3, 0))) == [3, 2, 1]
    for target, status in (abs, 0), (leaves_an_executor, 0), (fails, 3):
        process = context.Process(target=target, args=(1,))
        process.start()
        process.join()
        assert process.exitcode == status, (target, process.exitcode)
    with context.Pool(1) as pool:
        assert pool.map(nested, [0]) == [[3, 2, 1]]
        pool.close()
        pool.join()
    os.write(1, b"all\\n")
"""


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_and_processes_of_any_thread(tmp_path, start, method):
    source = f"""{WAYS}
METHOD = {method!r}
{DOORS}
if __name__ == "__main__":
    {start}(use)
"""
    assert run_script(tmp_path, source).splitlines() == ["finished"] * 4 + ["all"]


def test_threads_that_a_worker_has_started(tmp_path):
    """Daemonic ones end with it; it waits for the others, for so long."""
    source = f"""{WAYS}
def start_threads(_):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    threading.Thread(target=lambda: os.write(1, b"waited for\\n")).start()

def use():
    with haid.Pool(1) as pool:
        pool.map(start_threads, [0])
        pool.close()
        pool.join()
    print("all")

in_thread_of_executor(use)
"""
    assert run_script(tmp_path, source) == "waited for\nall\n"


def test_a_hook_that_fails_is_told(tmp_path):
    source = f"""{WAYS}
def hook():
    raise ValueError("of the hook")

def use():
    threading._register_atexit(hook)
    with haid.Pool(1) as pool:
        pool.map(abs, [0])
        pool.close()
        pool.join()
    threading._threading_atexits.pop()
    print("all")

in_thread_of_executor(use)
"""
    with Script(tmp_path, source) as script:
        status, out, errors = script.end()
        assert (status, out) == (0, "all\n")
        assert errors.count("ValueError: of the hook") == 1
        script.expect_nothing_left()
