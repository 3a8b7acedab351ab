"""What the benchmarks share: commands and what each cost, tables and verdicts, arguments."""
import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time
import typing

BUILT = pathlib.Path(__file__).resolve().parent.parent / "build/bin"


class Failure(Exception):
    """A measurement that could not be made."""


@dataclasses.dataclass(frozen=True)
class Cost:
    seconds: float
    own_cpu: float  # seconds of user and system time of the process itself, without its children
    written: int  # bytes on its standard output, where they were counted
    peak_mib: float  # of the process under `bare_spawn --peak`, else 0


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A command that does `amount` of something."""
    amount: int
    command: typing.Sequence[str]
    stdin: str = os.devnull
    feeder: typing.Sequence[str] = ()  # a command whose output, through a pipe, is the input instead
    environment: typing.Mapping[str, str] = dataclasses.field(default_factory=dict)
    expect: typing.Optional[int] = None  # read the output through a pipe; it has so many bytes


@dataclasses.dataclass
class Result:
    values: list = dataclasses.field(default_factory=list)  # a Cost for each round
    rates: list = dataclasses.field(default_factory=list)  # amount per second, for each round
    failure: str = ""


class Runner:
    """Runs contestants in a folder, in an environment that holds nothing of the user's but PATH."""

    def __init__(self, folder, time_limit):
        self.folder = pathlib.Path(folder)
        self.time_limit = time_limit
        self.environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder),
                            "TMPDIR": str(folder), "LC_ALL": "C", "PARALLEL_SHELL": "/bin/sh"}

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def run(self, contestant):
        with contextlib.ExitStack() as stack:
            actions = [(os.POSIX_SPAWN_OPEN, 0, contestant.stdin, os.O_RDONLY, 0)]
            discard = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
            if contestant.feeder:
                feeder = stack.enter_context(subprocess.Popen(contestant.feeder, stdout=subprocess.PIPE))
                cost = self._run(contestant, [(os.POSIX_SPAWN_DUP2, feeder.stdout.fileno(), 0), discard])
                feeder.stdout.close()
                if feeder.wait() != 0:
                    raise Failure("did not read its input to the end")
                return cost
            if contestant.expect is None:
                return self._run(contestant, actions + [discard])
            ends = os.pipe()
            output = stack.enter_context(open(ends[0], "rb", buffering=0))
            with open(ends[1], "wb", buffering=0) as writing:
                actions.append((os.POSIX_SPAWN_DUP2, writing.fileno(), 1))
                return self._run(contestant, actions, output, writing)

    def _run(self, contestant, actions, output=None, writing=None):
        errors = self.folder / "errors"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        actions.append((os.POSIX_SPAWN_OPEN, 2, str(errors), flags, 0o600))
        environment = {**self.environment, **contestant.environment}
        written = 0
        began = time.perf_counter()
        # Python ignores SIGPIPE, its children must not.
        pid = os.posix_spawnp(contestant.command[0], contestant.command, environment, file_actions=actions,
                              setsid=True, setsigdef=[signal.SIGPIPE])
        with _ended_in_time(pid, self.time_limit) as killed:
            if output:
                writing.close()
                written = _drain(output)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            seconds = time.perf_counter() - began
        own_cpu = _own_cpu(pid)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = errors.read_text(errors="replace").strip()
        if killed:
            raise Failure(f"killed after {self.time_limit:g} s")
        if status != 0:
            raise Failure(f"exit status {status}: {said[-200:]}")
        if contestant.expect not in (None, written):
            raise Failure(f"wrote {written} bytes in place of {contestant.expect}")
        peak = re.search(r"^peak_kib=(\d+)$", said, re.MULTILINE)
        return Cost(seconds, own_cpu, written, int(peak[1]) / 1024 if peak else 0)

    def compare(self, contestants, rounds):
        """Interleaved, so that a busy minute of the machine hits all alike. Who fails once is not run again."""
        results = {name: Result() for name in contestants}
        for _ in range(rounds):
            for name, contestant in contestants.items():
                result = results[name]
                if result.failure:
                    continue
                try:
                    cost = self.run(contestant)
                    result.values.append(cost)
                    result.rates.append(contestant.amount / cost.seconds)
                except (Failure, OSError) as failure:
                    result.failure = str(failure)
        return results


@contextlib.contextmanager
def _ended_in_time(pid, seconds):
    """Ends the process and its group after so many seconds, or when we are interrupted. Until the block is left
    the process may not be reaped, so that its number stays its own. Yields a list that a kill fills."""
    killed = []

    def end(*_):
        os.killpg(pid, signal.SIGKILL if killed else signal.SIGTERM)
        killed.append(True)
        signal.setitimer(signal.ITIMER_REAL, 3)

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield killed
    except BaseException:
        end()
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _drain(output):
    total = 0
    buffer = bytearray(1 << 20)
    while True:
        got = output.readinto(buffer)
        if not got:
            return total
        total += got


def _own_cpu(pid):
    """Of a process that has ended and is not reaped yet: then the figures are final, and still apart from those
    of its children, where wait4 would add them up."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def figures(command, time_limit, environment=None):
    """The figures that the command prints, a name and a value a line. It has a session of its own: what it does to its
    group stays there."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", env=environment, start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=time_limit)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise Failure(f"exit status {process.returncode}: {errors.strip()[-200:]}")
    return {name: float(value) for name, value in (line.split("\t") for line in output.splitlines())}


class Contest:
    """What contestants tell of themselves, round by round, and what is required of it."""

    def __init__(self, contestants, run):
        """`run` gives the figures of a contestant by its name."""
        self.run = run
        self.figures = {name: [] for name in contestants}
        self.failures = {}
        self.rows = []
        self.requirements = []

    def measure(self, rounds, names=None):
        """Interleaved, so that a busy minute of the machine hits all alike. Who fails once is not run again."""
        for number in range(rounds):
            print(f"measuring: round {number + 1} of {rounds} …", file=sys.stderr)
            for name in names or self.figures:
                if name in self.failures:
                    continue
                try:
                    self.figures[name].append(self.run(name))
                except (Failure, OSError, ValueError, subprocess.SubprocessError) as failure:
                    self.failures[name] = str(failure)

    def values(self, name, figure="seconds"):
        """Of each round; nothing of a contestant that failed."""
        return [] if name in self.failures else [one[figure] for one in self.figures[name]]

    def cell(self, name, form, scale):
        values = self.values(name)
        return form.format(statistics.median(values) * scale) if values else "failed"

    def ratios(self, first, second):
        return ratios(self.values(first), self.values(second))

    def require(self, text, values, reached, form="{:.2f}"):
        verdict = reached(statistics.median(values)) if values else None
        self.requirements.append(requirement(text, verdict, spread(values, form) if values else "–"))


def ratios(first, second):
    """Round by round: what ran right after each other is compared."""
    return [a / b for a, b in zip(first, second)]


def spread(values, form="{:.2f}"):
    low, middle, high = (form.format(value) for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low} to {high})"


def table(header, rows):
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells):
        first, *others = (cell.ljust(width) if at == 0 else cell.rjust(width)
                          for at, (cell, width) in enumerate(zip(cells, widths)))
        return "| " + " | ".join([first, *others]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(header), line(rule), *map(line, rows)])


def machine(workers):
    """What the figures rest on, for a line above them; `workers` says how many there are."""
    load = os.getloadavg()[0]
    busy = " (others are using this machine: the figures are rough)" if load > 0.5 else ""
    return f"Linux {os.uname().release}; {workers}; load before: {load:.1f}{busy}"


def requirement(text, reached, figure):
    """`reached` is None where it was not measured."""
    verdict = "not measured" if reached is None else "reached" if reached else "NOT reached"
    return f"{verdict}: {text}: {figure}"


def print_outcome(columns, bench, explanation):
    print(table(columns, bench.rows) + "\n")
    print(explanation + "\n")
    print("\n".join(bench.requirements))


def exit_status(failures):
    """Tells what failed, and whether anything did."""
    status = 0
    for failure in failures:
        print(f"could not be measured: {failure}", file=sys.stderr)
        status = 1
    return status


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def argument_parser(description, quickly):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=positive, help="how often each is run (5, with --quick 2)")
    parser.add_argument("--quick", action="store_true", help=f"{quickly}: a first impression")
    return parser


def parse_arguments(parser):
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)
    return arguments
