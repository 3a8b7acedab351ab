"""What tools hook into the processes of multiprocessing, they find in haid's: coverage, profilers, loggers, finalizers."""
import importlib.util
import os
import subprocess
import sys
import textwrap

import pytest

from breaking import PATIENCE, Script, run_script

METHODS = "fork", "spawn", "forkserver"


# -- whose lines are measured

MEASURED = """
import sys
import haid
from haid import futures


def by_worker(x):
    twice = 2 * x
    return twice


def prepare(number):
    global prepared
    prepared = number


def use(context):
    {}


if __name__ == "__main__":
    use(haid.get_context(sys.argv[1]))
"""
DOORS = {
    "closed": """with context.Pool(2, prepare, (1,)) as pool:
        assert pool.map(by_worker, range(5)) == [0, 2, 4, 6, 8]
        pool.close()
        pool.join()""",
    "left": """with context.Pool(2, prepare, (1,)) as pool:
        assert pool.map(by_worker, range(5)) == [0, 2, 4, 6, 8]""",
    "forgotten": """pool = context.Pool(2, prepare, (1,))
    assert list(pool.imap(by_worker, range(5))) == [0, 2, 4, 6, 8]
    globals()["kept"] = pool""",
    "replaced": """with context.Pool(1, prepare, (1,), maxtasksperchild=1) as pool:
        assert pool.map(by_worker, range(3)) == [0, 2, 4]
        pool.close()
        pool.join()""",
    "executor": """with futures.ProcessPoolExecutor(2, context, prepare, (1,)) as executor:
        assert list(executor.map(by_worker, range(5))) == [0, 2, 4, 6, 8]""",
    "process": """for function in by_worker, prepare:
        process = context.Process(target=function, args=(1,))
        process.start()
        process.join()
        assert process.exitcode == 0""",
}
SETTINGS = {
    "concurrency": "concurrency = multiprocessing\n",
    "patches": "patch = _exit, fork, subprocess\n",
}


@pytest.fixture
def measure(tmp_path):
    def measured(source, settings, *arguments):
        """What of the source has run, in percent, by coverage's report."""
        (tmp_path / "measured.py").write_text(source)
        (tmp_path / ".coveragerc").write_text(f"[run]\nparallel = true\nsource = .\n{settings}")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_CORE")}

        def coverage(*words):
            return subprocess.run([sys.executable, "-m", "coverage", *words], cwd=tmp_path, env=environment, timeout=PATIENCE,
                                  capture_output=True, text=True)

        run = coverage("run", "measured.py", *arguments)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
        combined = coverage("combine")
        assert combined.returncode == 0, combined.stdout + combined.stderr
        report = coverage("report", "--precision=0", "--show-missing")
        return report.stdout.splitlines()[-1].split()[3]

    return measured


@pytest.mark.skipif(importlib.util.find_spec("coverage") is None, reason="without coverage")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("method", METHODS)
def test_coverage_sees_what_runs_in_workers(measure, method, door):
    assert measure(MEASURED.format(DOORS[door]), SETTINGS["concurrency"], method) == "100%"


@pytest.mark.skipif(importlib.util.find_spec("coverage") is None, reason="without coverage")
@pytest.mark.parametrize("door", ["closed", "left"])
@pytest.mark.parametrize("method", METHODS)
def test_coverage_sees_them_by_its_patches(measure, method, door):
    assert measure(MEASURED.format(DOORS[door]), SETTINGS["patches"], method) == "100%"


# -- who is around what a process does

AROUND = """
import os
import sys
import threading
from multiprocessing import process
import haid


def around(found):
    def function(self, *arguments, **options):
        os.write(1, f"{self.name} begins {found.__name__}\\n".encode())
        try:
            return found(self, *arguments, **options)
        finally:
            os.write(1, f"{self.name} ends {found.__name__}\\n".encode())
    return function


process.BaseProcess._bootstrap = around(process.BaseProcess._bootstrap)
process.BaseProcess.run = around(process.BaseProcess.run)


def leave_a_thread():
    threading.Thread(target=threading.Event().wait).start()


def fail(*_):
    raise ValueError("no, thank you")


def identity(_):
    current, parent = process.current_process(), process.parent_process()
    return current.name, current.daemon, current.pid == os.getpid(), parent.is_alive()


if __name__ == "__main__":
"""


def expect_around(lines, name):
    assert lines == [f"{name} {what}" for what in ("begins _bootstrap", "begins run", "ends run", "ends _bootstrap")]


@pytest.mark.parametrize("method", METHODS)
def test_what_stands_in_place_of_bootstrap_is_around_each_worker(tmp_path, method):
    source = AROUND + f"""
    with haid.get_context("{method}").Pool(1, maxtasksperchild=2) as pool:
        assert all(all(seen) for seen in pool.map(identity, range(4)))
        pool.close()
        pool.join()
"""
    lines = run_script(tmp_path, source).splitlines()
    name = lines[0].split()[0]
    assert name == {"fork": "Fork", "spawn": "Spawn", "forkserver": "ForkServer"}[method] + "PoolWorker-1"
    assert len(lines) in (8, 12)  # a third one may have begun
    for begin in range(0, len(lines), 4):
        expect_around(lines[begin : begin + 4], name)


def test_it_is_put_there_at_any_time(tmp_path):
    source = AROUND + """
    pool = haid.Pool(1)
    assert pool.map(abs, [-1]) == [1]
    pool.close()
    pool.join()
    print("nobody")
    process.BaseProcess._bootstrap = process.BaseProcess._bootstrap.__closure__[0].cell_contents
    process.BaseProcess.run = process.BaseProcess.run.__closure__[0].cell_contents
    pool = haid.Pool(1)
    assert pool.map(abs, [-1]) == [1]
    pool.close()
    pool.join()
"""
    *lines, last = run_script(tmp_path, source).splitlines()
    expect_around(lines, "ForkPoolWorker-1")
    assert last == "nobody"


@pytest.mark.parametrize("method", METHODS)
def test_errors_are_told_as_without_it(tmp_path, method):
    source = AROUND + f"""
    pool = haid.get_context("{method}").Pool(1)
    for call in (lambda: pool.map(fail, [0]), lambda: haid.get_context("{method}").Pool(1, fail).map(abs, [0])):
        try:
            call()
        except Exception as error:
            sys.stderr.write(f"{{type(error).__name__}}: {{error}}\\n")
    pool.close()
    pool.join()
"""
    with Script(tmp_path, source) as script:
        status, _, errors = script.end()
        first, second = errors.splitlines()
        assert (status, first) == (0, "ValueError: no, thank you")
        assert "no, thank you" in second
        script.expect_nothing_left()


def test_one_that_does_not_call_what_it_has_found(tmp_path):
    source = AROUND + """
    process.BaseProcess._bootstrap = lambda self, **_: 0
    try:
        haid.Pool(1).map(abs, [0])
    except haid.PoolError as error:
        print(error)
"""
    assert "BaseProcess._bootstrap has not called what it had found there" in run_script(tmp_path, source)


def test_a_worker_that_does_not_end_is_waited_for_so_long(tmp_path):
    source = AROUND + """
    import haid._worker
    haid._worker.PATIENCE = 0.5
    with haid.Pool(1) as pool:
        pool.apply(leave_a_thread)
    print("left")
"""
    with Script(tmp_path, source) as script:
        status, out, errors = script.end()
        assert (status, out.splitlines()[-1]) == (0, "left")
        assert "has not ended 0.5 s after its pool was closed" in errors
        script.expect_nothing_left()


# -- what a process is, and what it does at its end

LOOKS = """
import atexit
import importlib
import logging
import logging.handlers
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
import weakref
from multiprocessing import util


class Thing:
    pass


thing = Thing()
gate = threading.Event()


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())


def prepare():
    for priority in 10, 0, -5:
        util.Finalize(None, say, args=("finalize", priority), exitpriority=priority)
    util.Finalize(thing, say, args=("finalize without a priority",))
    atexit.register(say, "atexit")
    weakref.finalize(thing, say, "weakref.finalize")
    threading._register_atexit(gate.set)
    threading.Thread(target=lambda: gate.wait() and say("thread")).start()
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def look(_):
    me, parent = multiprocessing.current_process(), multiprocessing.parent_process()
    filter = warnings.filters[0]
    return (me.name, me._identity, me.daemon, me.authkey == multiprocessing.process.AuthenticationString(KEY), me.is_alive(),
            me.pid == os.getpid(), me.exitcode, parent.name, parent.is_alive(), multiprocessing.get_start_method(),
            threading.main_thread().name, threading.current_thread() is threading.main_thread(),
            threading.main_thread().native_id == threading.get_native_id(), (filter[0], filter[2].__name__),
            sys.stdin.read(), sys.gettrace() is None, sys.getprofile() is None, multiprocessing.active_children(),
            signal.getsignal(signal.SIGTERM), __name__)


KEY = b"a key"

if __name__ == "__main__":
    multiprocessing.current_process().authkey = KEY
    warnings.simplefilter("ignore", BytesWarning)
    module, method, what = sys.argv[1:]
    context = importlib.import_module(module).get_context(method)
    if method == "fork":
        sys.settrace(lambda *_: None)
        sys.setprofile(lambda *_: None)
    os.register_at_fork(after_in_child=lambda: say("at fork"))
    util.register_after_fork(thing, lambda _: say("after fork"))
    util.Finalize(None, lambda: say("of the parent"), exitpriority=3)
    atexit.register(say, "end of the parent")
    weakref.finalize(thing, say, "thing of the parent")
    pool = context.Pool(1, prepare if what == "ends" else None)
    seen = pool.map(look, [0])
    pool.close()
    pool.join()
    if what == "looks":
        print(*seen[0], sep="\\n")
"""


def with_both(folder, method, what):
    """The lines of the program with haid, and with multiprocessing."""
    outputs = []
    for module in "haid", "multiprocessing":
        settings = {"environment": {"PYTHONPATH": os.pathsep.join(sys.path)}}
        source = LOOKS.replace("sys.argv[1:]", repr((module, method, what)))
        outputs.append(run_script(folder, source, **settings).splitlines())
    return outputs


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_looks_as_one_of_multiprocessings(tmp_path, method):
    ours, theirs = with_both(tmp_path, method, "looks")
    assert ours == theirs


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_ends_as_one_of_multiprocessings(tmp_path, method):
    ours, theirs = with_both(tmp_path, method, "ends")
    if method == "forkserver" and "atexit" not in theirs:  # before Python 3.13 its processes end without
        ours = [line for line in ours if line not in ("atexit", "weakref.finalize")]
    assert sorted(ours) == sorted(theirs)
    finalizers = [line for line in ours if "finalize" in line and line != "weakref.finalize"]
    assert finalizers == ["finalize 10", "finalize 0", "finalize -5"]
    if "atexit" in ours:
        assert ours.index("finalize -5") < ours.index("atexit")


@pytest.mark.parametrize("most", [1, 2])
def test_hooks_of_forks_are_called_in_each_worker_and_nowhere_else(tmp_path, most):
    """Before and after in the parent once for a pool: all its workers are forked from one moment."""
    source = f"""
import haid, os

def say(what):
    os.write(1, f"{{what}} {{os.getpid()}}\\n".encode())

os.register_at_fork(before=lambda: say("before"), after_in_parent=lambda: say("parent"), after_in_child=lambda: say("child"))
with haid.Pool(2, initializer=say, initargs=("worker",), maxtasksperchild={most}) as pool:
    workers = set(pool.map(lambda _: os.getpid(), range(4)))
    pool.close()
    pool.join()
print("of", os.getpid(), *workers)
"""
    *lines, last = (line.split() for line in run_script(tmp_path, source).splitlines())
    _, parent, *workers = last
    said = {what: [pid for one, pid in lines if one == what] for what in ("before", "parent", "child", "worker")}
    assert said["before"] == said["parent"] == [parent]
    assert sorted(said["child"]) == sorted(said["worker"]) and set(workers) <= set(said["child"])
    assert len(set(said["child"])) == len(said["child"])


@pytest.mark.parametrize("method", METHODS)
def test_faulthandler_tells_where_a_worker_crashed(tmp_path, method):
    source = f"""
import ctypes, faulthandler, haid

def crash_here(_):
    ctypes.string_at(0)

if __name__ == "__main__":
    faulthandler.enable()
    with haid.get_context("{method}").Pool(1, faulthandler.enable if "{method}" != "fork" else None) as pool:
        try:
            pool.map(crash_here, [0])
        except haid.WorkerLost as lost:
            print(lost.signal)
"""
    with Script(tmp_path, source) as script:
        status, out, errors = script.end()
        assert (status, out) == (0, "11\n")
        assert "Fatal Python error: Segmentation fault" in errors and "in crash_here" in errors


@pytest.mark.parametrize("method", METHODS)
def test_loggers_of_workers_write_to_the_parents_listener(tmp_path, method):
    source = f"""
import haid, logging, logging.handlers, sys

def prepare(queue):
    root = logging.getLogger()
    root.addHandler(logging.handlers.QueueHandler(queue))
    root.setLevel(logging.INFO)

def work(x):
    logging.info("item %d", x)
    return x

if __name__ == "__main__":
    context = haid.get_context("{method}")
    queue = context.Queue()
    listener = logging.handlers.QueueListener(queue, logging.StreamHandler(sys.stdout))
    listener.start()
    with context.Pool(2, prepare, (queue,)) as pool:
        pool.map(work, range(20))
        pool.close()
        pool.join()
    listener.stop()
"""
    assert sorted(run_script(tmp_path, source).splitlines()) == sorted(f"item {x}" for x in range(20))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_profile_of_what_a_worker_runs(tmp_path, method):
    source = f"""
import cProfile, haid, io, pstats

def work_that_counts(x):
    return sum(range(x))

def profiled(x):
    profile = cProfile.Profile()
    profile.runcall(work_that_counts, x)
    told = io.StringIO()
    pstats.Stats(profile, stream=told).print_stats()
    return told.getvalue()

if __name__ == "__main__":
    with haid.get_context("{method}").Pool(2) as pool:
        print(all("work_that_counts" in told for told in pool.map(profiled, range(4))))
"""
    assert run_script(tmp_path, source) == "True\n"
