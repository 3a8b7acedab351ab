"""Ways to break things, and scripts whose processes are counted."""
import faulthandler
import os
import pathlib
import signal
import subprocess
import sys
import time

PATIENCE = 45  # seconds: less than the time limit of a test


def twice(x):
    return 2 * x


def expect_works(pool):
    assert pool.map(twice, range(100)) == [2 * x for x in range(100)]


def eventually(condition):
    """Waits for what is to come soon."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


def kill_myself():
    os.kill(os.getpid(), signal.SIGKILL)


def segfault():
    faulthandler.disable()
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def processes_with(mark):
    """The processes whose environment has the mark, without those that have ended."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            ended = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not ended and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError):
            pass
    return found


class Script:
    """A Python program in a process group of its own. At its end nothing of it may be left."""

    _number = 0

    def __init__(self, folder, source, shell=None, **settings):
        Script._number += 1
        self.mark = f"HAID_TEST_MARK={os.getpid()}.{Script._number}".encode()
        name, value = self.mark.decode().split("=")
        path = folder / f"script_{Script._number}.py"
        path.write_text(source)
        command = [sys.executable, str(path)]
        if shell:
            command = ["sh", "-c", shell.replace("{}", " ".join(command))]
        environment = {**os.environ, name: value, **settings.pop("environment", {})}
        self.process = subprocess.Popen(command, env=environment, cwd=folder, text=True, start_new_session=True,
                                        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in processes_with(self.mark):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.communicate()

    def wait_for_line(self):
        return self.process.stdout.readline().rstrip("\n")

    def interrupt(self):
        """As Ctrl-C in a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end_by_interrupt(self):
        """When it has started. It says that it was interrupted; what it has written to its standard error."""
        assert self.wait_for_line() == "started"
        self.interrupt()
        status, out, errors = self.end()
        assert (status, out.splitlines()[-1]) == (0, "interrupted"), errors
        return errors

    def end(self, patience=None):
        """Its status, output and errors."""
        out, errors = self.process.communicate(timeout=patience or PATIENCE)
        return self.process.returncode, out, errors

    def expect_nothing_left(self):
        eventually(lambda: not processes_with(self.mark))


def run_script(folder, source, status=0, **settings):
    """The output of a script, which leaves nothing behind and complains about nothing."""
    with Script(folder, source, **settings) as script:
        ended, out, errors = script.end()
        assert (ended, errors or "") == (status, "")
        script.expect_nothing_left()
        return out
