"""Starts the program and looks at what it left behind.

Nothing here measures time: what has to happen is polled for, with a generous limit.
"""

import os
import re
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
HAID = Path(os.environ.get("HAID", CHECKOUT / "build/bin/haid")).absolute()
WITHOUT_SYSCALL = os.environ.get("HAID_WITHOUT_SYSCALL", CHECKOUT / "build/bin/without_syscall")

TIME_LIMIT = 60
DEADLINE = 30
POLL_INTERVAL = 0.02
MARK = "HAID_TEST_RUN"


def wait_until(condition, what, deadline=DEADLINE):
    """Returns the condition's first true value; fails where there is none in time."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"after {deadline} s still not: {what}")
        time.sleep(POLL_INTERVAL)


def wait_for_line_in(path, count=1):
    """The lines of a file, once it has so many whole ones."""
    return wait_until(lambda: (lines := whole_lines(path)) and len(lines) >= count and lines, f"{count} lines in {path.name}")


def whole_lines(path):
    try:
        text = path.read_text(errors="surrogateescape")
    except FileNotFoundError:
        return []
    return text[: text.rfind("\n") + 1].splitlines()


def log_entries(path):
    """The lines of a job log as {column: text}, without a last line that is cut."""
    lines = whole_lines(path)
    if not lines:
        return []
    names = lines[0].split("\t")
    return [dict(zip(names, line.split("\t", len(names) - 1))) for line in lines[1:]]


def signal_if_alive(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name: state, parent, group, session …; None: no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rfind(")") + 2 :].split()


def state_of(pid):
    fields = stat_fields(pid)
    return fields[0] if fields else None


def parent_of(pid):
    fields = stat_fields(pid)
    return int(fields[1]) if fields else None


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def peak_memory_kib(pid):
    """What a process had in memory at its most; None: it has ended."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(found[1]) if found else None


class Result:
    def __init__(self, status, output, error):
        self.status = status
        self.output = output
        self.out = output.decode(errors="surrogateescape")
        self.err = error.decode(errors="surrogateescape")
        self.lines = self.out.splitlines()

    def __repr__(self):
        return f"status {self.status}, output {self.out[:2000]!r}, errors {self.err[:2000]!r}"


class Program:
    """The program in a temporary folder of its own, with an environment of its own.

    Everything that it starts, however far away, is known by a variable in its environment.
    """

    def __init__(self, folder):
        if not os.access(HAID, os.X_OK):
            pytest.fail(f"there is no program '{HAID}': build it (./dev build), or name it in HAID", pytrace=False)
        self.path = str(HAID)
        self.folder = folder
        self.mark = uuid.uuid4().hex
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "SHELL": "/bin/bash",
            "PARALLEL_SHELL": "/bin/bash",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            MARK: self.mark,
        }
        self.processes = []

    def command(self, arguments, before=()):
        return [*map(str, before), self.path, *map(str, arguments)]

    def start_command(self, command, environment=None, **options):
        """Any command, in a session of its own; standard input is empty unless given."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.folder)
        env = {**self.environment, **(environment or {})}
        env = {name: value for name, value in env.items() if value is not None}
        process = subprocess.Popen(command, env=env, start_new_session=True, **options)
        self.processes.append(process)
        return process

    def start(self, *arguments, before=(), **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return self.start_command(self.command(arguments, before), **options)

    def run_command(self, command, input=None, time_limit=TIME_LIMIT, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        if input is not None:
            options["stdin"] = subprocess.PIPE
        return self.finish(self.start_command(command, **options), input, time_limit)

    def run(self, *arguments, before=(), **options):
        return self.run_command(self.command(arguments, before), **options)

    def finish(self, process, input=None, time_limit=TIME_LIMIT):
        """What a started process printed and how it ended; one that does not end is killed, and the test fails."""
        data = input.encode(errors="surrogateescape") if isinstance(input, str) else input
        try:
            output, error = process.communicate(data, timeout=time_limit)
        except subprocess.TimeoutExpired:
            alive = self.describe_alive()
            self.end_everything()
            output, error = process.communicate()
            pytest.fail(f"did not end in {time_limit} s: {process.args}\nalive:\n{alive}\nerrors: {(error or b'')[-2000:]!r}")
        return Result(process.returncode, output or b"", error or b"")

    def alive(self):
        """The pids of what was started from here and has not ended."""
        wanted = f"{MARK}={self.mark}".encode()
        pids = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                environment = Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            if wanted in environment.split(b"\0"):
                pids.append(int(entry))
        return pids

    def alive_as(self, command):
        return [pid for pid in self.alive() if command_of(pid).startswith(command)]

    def describe_alive(self):
        return "\n".join(f"  {pid} {state_of(pid)} {command_of(pid)}" for pid in self.alive())

    def guard_of(self, pid):
        """The helper process that outlives the program in order to end its jobs."""
        return next((p for p in self.alive() if parent_of(p) == pid and self.name_of(p) == "haid-guard"), None)

    @staticmethod
    def name_of(pid):
        try:
            return Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return ""

    def wait_until_nothing_is_left(self):
        try:
            wait_until(lambda: not self.alive(), "nothing of the run is left")
        except pytest.fail.Exception:
            pytest.fail(f"still alive:\n{self.describe_alive()}")

    def end_everything(self):
        for _ in range(100):
            pids = self.alive()
            for pid in pids:
                signal_if_alive(pid, signal.SIGKILL)
            if not pids:
                break
            time.sleep(POLL_INTERVAL)
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream and not stream.closed:
                    try:
                        stream.close()
                    except BrokenPipeError:
                        pass

    def file(self, name, content, mode=None):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if mode is not None:
            path.chmod(mode)
        return path

    def temporary_files(self):
        return sorted((self.folder / "tmp").iterdir())
