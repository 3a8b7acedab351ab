"""However a program ends, nothing of it hangs and nothing is left: Ctrl-C, kill -9, forks, threads, no close."""
import os
import signal
import textwrap

import pytest

from breaking import Script, run_script

# A call that a Ctrl-C has to end; `started` says that a task runs.
WAITS = {
    "map": "pool.map(slow, range(100))",
    "imap": "list(pool.imap(slow, range(100)))",
    "apply_async": "[pool.apply_async(slow, (i,)) for i in range(10)][5].get()",
    "callback": "pool.apply_async(slow, (0,), callback=print).get()",
    "wait": "pool.map_async(slow, range(100)).wait()",
    "progress": "pool.map(slow, range(100), progress=True)",
    "input": "pool.map(slow, endless())",
    "imap input": "list(pool.imap(slow, endless()))",
    "join": "pool.map_async(slow, range(100)); pool.close(); pool.join()",
}
SLOW = """
import haid, os, sys, threading, time

def slow(_):
    os.write(1, b"started\\n")
    threading.Event().wait(1000)

def endless():
    yield from range(5)
    os.write(1, b"started\\n")
    threading.Event().wait(1000)
"""


@pytest.mark.parametrize("call", WAITS)
def test_control_c(tmp_path, call):
    source = SLOW + textwrap.dedent(f"""
        try:
            with haid.Pool(2) as pool:
                {WAITS[call]}
        except KeyboardInterrupt:
            os.write(1, b"interrupted\\n")
    """)
    with Script(tmp_path, source) as script:
        assert "Traceback" not in script.end_by_interrupt()
        script.expect_nothing_left()


def test_control_c_while_a_pool_waits_for_its_nodes(tmp_path):
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\necho started\nexec sleep 1000\n")
    srun.chmod(0o755)
    source = SLOW + textwrap.dedent(f"""
        os.environ["PATH"] = {str(tmp_path)!r} + ":" + os.environ["PATH"]
        os.environ.update(SLURM_JOB_ID="1", SLURM_JOB_NODELIST="a[1-3]", SLURM_JOB_CPUS_PER_NODE="2(x3)",
                          HAID_RUN_FOLDER={str(tmp_path / "runs")!r})
        try:
            haid.Pool(nodes="slurm")
        except KeyboardInterrupt:
            os.write(1, b"interrupted\\n")
    """)
    with Script(tmp_path, source) as script:
        script.end_by_interrupt()
        script.expect_nothing_left()


def test_a_pool_works_after_control_c(tmp_path):
    source = SLOW + textwrap.dedent("""
        pool = haid.Pool(2)
        for _ in range(2):
            try:
                pool.map(slow, range(2), timeout=100)
            except KeyboardInterrupt:
                pool.terminate()
                pool = haid.Pool(2)
            assert pool.map(abs, range(-100, 0)) == list(range(100, 0, -1))
        idle = haid.Pool(2)
        try:
            os.write(1, b"idle\\n")
            while True:  # Python does not hear a signal that comes just before a wait begins
                time.sleep(0.01)
        except KeyboardInterrupt:
            pass
        print(sum(idle.map(abs, range(-100, 0))))
    """)
    with Script(tmp_path, source) as script:
        for line in "started", "idle":
            seen = 0
            while seen < (2 if line == "started" else 1):
                seen += script.wait_for_line() == line
            script.interrupt()
            if line == "started":
                for _ in range(2):
                    assert script.wait_for_line() == "started"
                script.interrupt()
        assert script.end() == (0, "5050\n", "")
        script.expect_nothing_left()


@pytest.mark.parametrize("call", ["map", "imap", "progress"])
def test_a_pool_is_free_after_control_c(tmp_path, call):
    """What the interrupted call ran has ended; what others run goes on."""
    source = SLOW + textwrap.dedent(f"""
        gate, open_gate = os.pipe()
        pool = haid.Pool(3)
        other = pool.apply_async(os.read, (gate, 1))
        for _ in range(3):
            try:
                {WAITS[call]}
            except KeyboardInterrupt:
                pass
            assert pool.map(abs, range(-100, 0)) == list(range(100, 0, -1))
            assert len(set(pool.imap(lambda x: os.getpid(), range(100)))) <= 2
        os.write(open_gate, b"x")
        assert other.get() == b"x"
    """)
    with Script(tmp_path, source) as script:
        for _ in range(3):
            for _ in range(2):
                assert script.wait_for_line() == "started"
            script.interrupt()
        status, out, errors = script.end()
        shown = errors if call == "progress" else ""  # a bar, if it was there before the Ctrl-C
        assert (status, out, errors) == (0, "", shown) and "Traceback" not in errors
        script.expect_nothing_left()


def test_an_imap_ends_with_control_c(tmp_path):
    source = SLOW + textwrap.dedent("""
        def later(x):
            threading.Event().wait(0.3)  # the result is waited for meanwhile
            slow(x)

        with haid.Pool(2) as pool:
            results = pool.imap(later, range(9))
            try:
                next(results)
            except KeyboardInterrupt:
                print(list(results))
            pool.close()
            pool.join()
    """)
    with Script(tmp_path, source) as script:
        assert script.wait_for_line() == "started"
        script.interrupt()
        status, out, errors = script.end()
        assert (status, out.splitlines()[-1], errors) == (0, "[]", "")


def test_control_c_without_any_handling(tmp_path):
    with Script(tmp_path, SLOW + "haid.Pool(2).map(slow, range(10))") as script:
        assert script.wait_for_line() == "started"
        script.interrupt()
        status, _, errors = script.end()
        assert status in (-signal.SIGINT, 130, 1)
        assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt")
        script.expect_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("call", ["map", "imap", "callback"])
def test_parent_is_killed(tmp_path, number, call):
    with Script(tmp_path, SLOW + f"pool = haid.Pool(2)\n{WAITS[call]}") as script:
        assert script.wait_for_line() == "started"
        os.kill(script.process.pid, number)
        assert script.end()[0] == -number
        script.expect_nothing_left()


ENDS = {
    "idle": "haid.Pool(2)",
    "named": "pool = haid.Pool(2); pool.map(abs, [1])",
    "busy": "pool = haid.Pool(2); result = pool.map_async(slow, range(9)); time.sleep(0.1)",
    "callback": "pool = haid.Pool(2); pool.map_async(abs, [1], callback=id).get()",
    "busy callback": "pool = haid.Pool(2); pool.map_async(slow, [1], callback=id)",
    "imap": "pool = haid.Pool(2); results = pool.imap(abs, iter(int, 1)); next(results)",
    "closed": "pool = haid.Pool(2); pool.map(abs, [1]); pool.close()",
    "terminated": "pool = haid.Pool(2); pool.map_async(abs, [1], callback=id); pool.terminate()",
    "daemon thread": """
pool = haid.Pool(2)
threading.Thread(target=lambda: pool.map(slow, range(9)), daemon=True).start()
threading.Event().wait(0.1)
""",
    "daemon thread with an input": """
pool = haid.Pool(2)
threading.Thread(target=lambda: pool.map(abs, (time.sleep(0.001) or 1 for _ in iter(int, 1))), daemon=True).start()
threading.Event().wait(0.1)
""",
    "daemon thread with results": """
pool = haid.Pool(2)
threading.Thread(target=lambda: [0 for _ in pool.imap(set, iter(tuple, 1))], daemon=True).start()
threading.Event().wait(0.1)
""",
    "thread": """
def use():
    with haid.Pool(2) as pool:
        assert pool.map(abs, range(100)) == list(range(100))
thread = threading.Thread(target=use); thread.start()
""",
    "exit": "pool = haid.Pool(2); pool.map_async(slow, [1]); sys.exit(0)",
    "_exit": "pool = haid.Pool(2); pool.map_async(slow, [1]); os._exit(0)",
    "many": "pools = [haid.Pool(2) for _ in range(5)]; [pool.map(abs, [1]) for pool in pools]",
    "cycle": "pool = haid.Pool(2); pool.me = pool; pool.map_async(abs, [1]).get(); del pool",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_script_ends_without_closing(tmp_path, end):
    with Script(tmp_path, SLOW + "\n" + ENDS[end]) as script:
        status, _, errors = script.end()
        errors = errors if "daemon thread" not in end else ""
        assert (status, errors) == (0, "")
        script.expect_nothing_left()


@pytest.mark.parametrize("first", ["pool.map(abs, [1])", "pool.map_async(abs, [1], callback=id).get()"])
@pytest.mark.parametrize(
    "child",
    [
        "pass",
        "del pool",
        "pool.terminate()",
        "pool.close(); pool.join()",
        "pool.map(abs, [1])",
        "next(pool.imap(abs, [1]))",
        "pool.apply_async(abs, (1,), callback=print).get()",
        "assert haid.Pool(2).map(abs, range(9)) == list(range(9))",
    ],
)
def test_fork_while_a_pool_lives(tmp_path, first, child):
    source = SLOW + textwrap.dedent(f"""
        import gc, signal, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads: Python 3.12
        pool = haid.Pool(2)
        {first}
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            try:
                {child}
            except Exception as error:
                print(error)
            gc.collect()
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert pool.map(abs, range(100)) == list(range(100))
    """)
    out = run_script(tmp_path, source)
    assert not out or "belongs to another process" in out


def test_fork_from_a_parent_with_threads(tmp_path):
    source = textwrap.dedent("""
        import haid, io, logging, random, threading, time
        logging.basicConfig(stream=io.StringIO())
        end = threading.Event()
        def busy():
            while not end.is_set():
                logging.warning("here")
                random.random()
                import json
                time.sleep(0)
        def log(x):
            logging.warning("there")
            return x
        threads = [threading.Thread(target=busy) for _ in range(3)]
        [thread.start() for thread in threads]
        for _ in range(10):
            with haid.Pool(2, maxtasksperchild=5) as pool:
                assert pool.map(log, range(30)) == list(range(30))
        end.set()
    """)
    run_script(tmp_path, source)


def test_pools_in_many_threads(tmp_path):
    source = textwrap.dedent("""
        import haid, threading
        right = []
        def use():
            for _ in range(5):
                with haid.Pool(2) as pool:
                    right.append(pool.map(abs, range(100)) == list(range(100)))
        threads = [threading.Thread(target=use) for _ in range(6)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert right == [True] * 30
    """)
    run_script(tmp_path, source)


OWNS_AN_EXECUTOR = """
import concurrent.futures, haid, sys

executor = None

def use_executor(x):
    global executor
    executor = executor or concurrent.futures.ProcessPoolExecutor(2)
    return executor.submit(abs, -x).result()

if __name__ == "__main__":
"""
JOBLIB = """
import haid, joblib, sys, warnings

def use_joblib(x):
    with warnings.catch_warnings(record=True) as told:  # that one process is all, as in a worker of multiprocessing's
        warnings.simplefilter("always")
        result = joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-x) for _ in range(3))
    assert told
    return result

if __name__ == "__main__":
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("source, task, result", [
    (OWNS_AN_EXECUTOR, "use_executor", "[1, 2, 3]"), (JOBLIB, "use_joblib", "[[1, 1, 1], [2, 2, 2], [3, 3, 3]]")])
def test_a_worker_that_has_started_an_executor_ends_in_order(tmp_path, method, source, task, result):
    source += f"""
    pool = haid.get_context("{method}").Pool(2)
    print(pool.map({task}, [1, 2, 3]))
    pool.close()
    pool.join()
    print("joined")
"""
    assert run_script(tmp_path, source) == f"{result}\njoined\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_with_an_open_executor_ends_in_order(tmp_path, method):
    source = OWNS_AN_EXECUTOR + f"""
    process = haid.get_context("{method}").Process(target=use_executor, args=(1,))
    process.start()
    process.join()
    print(process.exitcode)
"""
    assert run_script(tmp_path, source) == "0\n"


LEFT = {
    "thread": "threading.Thread(target=time.sleep, args=(1000,)).start()",
    "process": "haid.Process(target=time.sleep, args=(1000,)).start()",
}


@pytest.mark.parametrize("left", LEFT)
def test_a_worker_waits_for_what_its_tasks_have_left_for_so_long(tmp_path, left):
    source = f"""
import haid, haid._worker, threading, time

def leave_something(_):
    {LEFT[left]}

haid._worker.PATIENCE = 0.5
pool = haid.Pool(1)
pool.map(leave_something, [0])
pool.close()
pool.join()
print("joined")
"""
    with Script(tmp_path, source) as script:
        status, out, errors = script.end()
        assert (status, out) == (0, "joined\n")
        assert "ForkPoolWorker-1 has not ended 0.5 s after its pool was closed, and is ended" in errors
        script.expect_nothing_left()


def test_workers_say_what_their_counterparts_say(tmp_path):
    source = """
import concurrent.futures, haid, multiprocessing
from haid import futures

def says(_):
    return multiprocessing.current_process().daemon

def inner(x):
    with haid.Pool(2) as pool:
        return pool.map(abs, [-x]), says(x)

def starts_a_process(_):
    process = haid.Process(target=says, args=(0,))
    process.start()
    process.join()
    return process.exitcode, process.daemon

if __name__ == "__main__":
    for ours, theirs in ((haid, multiprocessing), (haid.get_context("spawn"), multiprocessing.get_context("spawn"))):
        with ours.Pool(1) as pool, theirs.Pool(1) as standard:
            print(pool.map(says, [0]) == standard.map(says, [0]))
            print(pool.map(inner, [1, 2]), pool.map(starts_a_process, [0]))
    with futures.ProcessPoolExecutor(1) as pool, concurrent.futures.ProcessPoolExecutor(1) as standard:
        print(list(pool.map(says, [0])) == list(standard.map(says, [0])))
"""
    assert run_script(tmp_path, source) == "True\n[([1], True), ([2], True)] [(0, False)]\n" * 2 + "True\n"


@pytest.mark.parametrize("number", ["SIGUSR1", "SIGUSR2"])
def test_a_signal_for_all_that_the_program_awaits_does_not_end_its_pool(tmp_path, number):
    """As Slurm sends it to a step some time before its end: --signal=USR1@60."""
    source = f"""
import haid, os, signal, time
told = []
signal.signal(signal.{number}, lambda *_: told.append(1))
with haid.Pool(2) as pool:
    while not all(worker.pid for worker in pool._pool):  # one that starts late is not one that was replaced
        time.sleep(0.001)
    before = [worker.pid for worker in pool._pool]
    print("started", flush=True)
    while not told:
        time.sleep(0.01)
    time.sleep(0.3)
    print(pool.map(abs, range(-3, 0)), before == [worker.pid for worker in pool._pool])
"""
    with Script(tmp_path, source) as script:
        assert script.wait_for_line() == "started"
        os.killpg(script.process.pid, getattr(signal, number))
        assert script.end() == (0, "[3, 2, 1] True\n", "")
        script.expect_nothing_left()
