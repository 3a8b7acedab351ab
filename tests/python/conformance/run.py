#!/usr/bin/env python3
"""CPython's own tests of multiprocessing, run with haid in its place.

    run.py                                          all classes, start method fork
    run.py --method spawn --class WithProcessesTestPool --baseline
    run.py --module futures                         the tests of concurrent.futures.ProcessPoolExecutor

The tests are those of the Python that runs this (Debian: libpython3.11-testsuite), as they are. Each class runs in a
process of its own, under a watchdog. With --baseline they run a second time, with the standard library. The exit status
is 1 where haid fails what passes there; differences.py names where it differs on purpose.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from differences import DIFFERENCES

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE.parents[2] / "python"


class Outcomes:
    """What came of the tests of one class: test -> (outcome, text)."""

    def __init__(self):
        self.tests = {}
        self.seconds = 0.0
        self.log = ""

    def read(self, report):
        running = None
        for line in report.read_text().splitlines() if report.exists() else ():
            event, test, text = json.loads(line)
            if event == "start":
                running = test
                continue
            if self.tests.get(test, ("",))[0] != "failed":  # one subtest that fails is enough
                self.tests[test] = event, text
        return running

    def named(self, outcome):
        return sorted(test for test, (found, _) in self.tests.items() if found == outcome)


def environment(module, method, standard_library):
    path = [str(HERE)] if standard_library else [str(HERE / "in_place"), str(HERE)]
    inherited = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*path, *([inherited] if inherited else [str(PACKAGE)])]),
        "CONFORMANCE_MODULE": module,
        "CONFORMANCE_METHOD": method,
        "PYTHONFAULTHANDLER": "1",
    }


def classes(module, method):
    code = "import conformance_case as case; print(*case.classes())"
    found = subprocess.run([sys.executable, "-c", code], env=environment(module, method, True), stdout=subprocess.PIPE,
                           text=True, check=True)
    return found.stdout.split()


def run_class(name, module="multiprocessing", method="fork", *, tests=(), left_out=(), standard_library=False,
              limit=120):
    """The outcomes of one class. Whatever it starts has ended."""
    outcomes = Outcomes()
    code = f"import conformance_case as case; case.run({name!r}, 'report', {tests!r}, {left_out!r})"
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        began = time.monotonic()
        with open(f"{folder}/log", "w+") as log:
            process = subprocess.Popen([sys.executable, "-c", code], env=environment(module, method, standard_library),
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                                       start_new_session=True)
            ended = wait(process, limit)
            log.seek(0)
            outcomes.log = log.read()
        outcomes.seconds = time.monotonic() - began
        running = outcomes.read(pathlib.Path(folder) / "report")
    if not ended:
        where = running or "its end"
        if outcomes.tests.get(where, ("",))[0] == "passed":
            where = f"the end of {where}"
        outcomes.tests[where] = "failed", f"did not end within {limit} s"
    elif process.returncode != 0:
        outcomes.tests[running or name] = "failed", f"the test process ended with status {process.returncode}"
    return outcomes


def wait(process, limit):
    """Whether it ended in time. Its stacks are in the log if not."""
    try:
        process.wait(limit)
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        return False
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def differing(name):
    """The tests of a class that haid does not pass on purpose, with the reasons."""
    return {test.partition(".")[2]: why for test, why in DIFFERENCES.items() if test.startswith(f"{name}.")}


def report(name, ours, standard, verbose):
    """Prints what came of a class. The tests that fail, though they pass with the standard library."""
    on_purpose = differing(name)
    failed = ours.named("failed")
    wrong = [test for test in failed if test not in on_purpose]
    if standard is not None:
        wrong = [test for test in wrong if standard.tests.get(test, ("passed",))[0] == "passed"]
    differ = len(on_purpose.keys() & set(failed))
    line = (f"{name:44}{len(ours.tests):6}{len(ours.named('passed')):7}{len(failed) - differ:7}{differ:8}"
            f"{len(ours.named('skipped')):8}{ours.seconds:8.1f}")
    if standard is not None:
        line += f"{len(standard.named('passed')):11} passed{standard.seconds:8.1f}"
    print(line, flush=True)
    for test in failed:
        why = on_purpose.get(test)
        if test in wrong or why:
            what = f"differs: {why}" if why else (ours.tests[test][1].strip().splitlines() or ["?"])[-1][:120]
            print(f"    {test}: {what}", flush=True)
    if wrong and verbose:
        print(*(line[:200] for line in ours.log.splitlines()), sep="\n")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", default="multiprocessing", choices=["multiprocessing", "futures"])
    parser.add_argument("--method", default="fork", choices=["fork", "spawn", "forkserver"])
    parser.add_argument("--class", dest="classes", action="append", metavar="NAME", help="only this class (repeatable)")
    parser.add_argument("--test", dest="tests", action="append", default=[], metavar="NAME", help="only this test")
    parser.add_argument("--baseline", action="store_true", help="the standard library's outcomes beside haid's")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS", help="for one class")
    parser.add_argument("--verbose", action="store_true", help="the whole output of classes that fail")
    options = parser.parse_args()

    heading = f"{'class':44}{'tests':>6}{'passed':>7}{'failed':>7}{'differs':>8}{'skipped':>8}{'seconds':>8}"
    print(heading + (f"{'standard library':>18}{'seconds':>8}" if options.baseline else ""))
    how = {"tests": options.tests, "limit": options.limit}
    wrong = []
    for name in options.classes or classes(options.module, options.method):
        ours = run_class(name, options.module, options.method, **how)
        standard = None
        if options.baseline:
            standard = run_class(name, options.module, options.method, standard_library=True, **how)
        wrong += report(name, ours, standard, options.verbose)
    print(f"{len(wrong)} failed" + (" that pass with the standard library" if options.baseline else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
