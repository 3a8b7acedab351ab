"""What a campaign breaks, at each door, and what must hold afterwards: an `Unkept` says what did not.

A job or item leaves a file done/NUMBER.something each time it runs, which needs no space on a disk that is full.
"""
import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

from faults import draw_blow, draw_surroundings
from support import CHECKOUT, log_entries, whole_lines

BUILD = Path(os.environ.get("HAID_BUILD", CHECKOUT / "build")).absolute()
PYTHON = BUILD / "venv/bin/python"
VICTIM = BUILD / "bin/pool_victim"
RESUMES = 3  # one is enough where nothing else goes wrong
JOBS = (  # what one does, and the seconds that it takes are drawn
    "mktemp done/{}.XXXXXX",
    "sleep {seconds}; mktemp done/{}.XXXXXX",
    "sh -c 'sleep {seconds}; mktemp done/{}.XXXXXX'",
    "mktemp done/{}.XXXXXX; sleep {seconds}",
    "sleep 0.01 & mktemp done/{}.XXXXXX && wait $!",
    "timeout 100 mktemp done/{}.XXXXXX",
)
OUTPUT = ((), ("-k",), ("--line-buffer",), ("--ungroup",), ("-k", "--line-buffer"))


class Unkept(Exception):
    """A promise that was not kept."""


def expect(kept, what):
    if not kept:
        raise Unkept(what)


class Victim:
    own_ends = ()  # of the victim's own doing, whatever haid does

    environment = {}

    def __init__(self, program, random, surroundings):
        self.program, self.random, self.surroundings = program, random, surroundings
        self.folder = program.folder / "disk"

    @staticmethod
    def draw(random, folder):
        surroundings = draw_surroundings(random, folder)
        return surroundings, draw_blow(random, surroundings)

    def command(self, *more):
        return [*self.words, *more]

    def start(self):
        for name in ("done", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name).chmod(0o777)
        self.folder.chmod(0o777)
        self.out = open(self.folder / "out", "ab")
        return self._start(self.command(), self.surroundings.words)

    def _start(self, words, before=()):
        environment = {"TMPDIR": str(self.folder / "tmp"), **self.environment}
        return self.program.start_command([*before, *map(str, words)], environment=environment, cwd=self.folder,
                                          stdin=self.input(), stdout=self.out, stderr=subprocess.PIPE)

    def input(self):
        return subprocess.DEVNULL

    def close(self):
        self.out.close()

    def times_run(self):
        return Counter(int(path.name.split(".")[0]) for path in (self.folder / "done").iterdir())

    def what_is_left(self):
        return sorted(path.name for path in (self.folder / "tmp").iterdir())

    def told(self):
        return (self.folder / "out").read_text(errors="replace")

    def check_is_told(self, status, errors, blow):
        """Whatever ends with a fault says so, except where a signal was its end, as the sender knows."""
        expected = status in (0, *self.own_ends) or (blow.stops_program and (status < 0 or status > 128))
        expect(expected or errors.strip(), f"status {status} without a word")


class Commands(Victim):
    """The program with a file of commands, and with the job log that lets a second run go on."""

    name = "commands"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.slots = self.at_once = self.random.randint(1, 8)
        longest = self.random.choice((0, 0.005, 0.05))
        self.jobs = self.random.randint(10, int(self.slots / (longest / 2 + 0.005 * self.slots)))
        self.words = [self.program.path, f"-j{self.slots}", "--joblog", "log", *self.random.choice(OUTPUT)]
        # A shell that may not fork tries for half a minute.
        jobs = JOBS[:1] if self.surroundings.as_nobody else JOBS
        self.commands = "".join(
            self.random.choice(jobs).replace("{}", str(number)).replace("{seconds}", f"{self.random.uniform(0, longest):.3f}") + "\n"
            for number in range(1, self.jobs + 1))

    def input(self):
        path = self.program.folder / "commands"
        path.write_text(self.commands)
        return open(path, "rb")

    def check(self, status, errors, blow, sent):
        self.check_is_told(status, errors, blow)
        spared = not self.surroundings.may_fail and blow.hits != "child"
        self._check_log()
        if spared:
            failed = {seq: ends for seq, ends in self._ends().items() if ends[-1] != ("0", "0")}
            expect(not failed, f"logged as failed, though nothing was done to jobs: {failed}")
        if status == 0:
            self._check_whole()
        before = self.times_run()
        told = self._printed()
        attempts = 1 + self._resume("--resume" if spared else "--resume-failed")
        self._check_log()
        self._check_whole()
        again = self.times_run() - Counter(range(1, self.jobs + 1))
        if spared:
            new = self.times_run() - before
            # What has ended and may not be printed yet is not done.
            counted = {job for job in again if job in told} if "-k" in self.words else again
            expect(len(counted) <= self.at_once, f"more were run twice than ran at the end: {counted}")
            expect(not new or max(new.values()) == 1, f"a resume ran twice: {new}")
        return self.jobs, sum(again.values()), attempts

    def _ends(self):
        ends = {}
        for entry in log_entries(self.folder / "log"):
            ends.setdefault(int(entry["Seq"]), []).append((entry["Exitval"], entry["Signal"]))
        return ends

    def _printed(self):
        return {int(number) for number in re.findall(r"done/(\d+)\.", self.told())}

    def _check_log(self):
        """What is logged as done was done and its output was delivered; nothing is logged twice."""
        printed = self._printed()
        ran = self.times_run()
        for number, ends in self._ends().items():
            successes = ends.count(("0", "0"))
            expect(successes <= 1, f"job {number} is logged twice as done")
            if successes:
                expect(number in ran, f"job {number} is logged as done and never ran")
                expect(number in printed, f"job {number} is logged as done and its output is lost")

    def _check_whole(self):
        missing = set(range(1, self.jobs + 1)) - set(self.times_run())
        expect(not missing, f"never ran, though all is said to be done: {sorted(missing)}")

    def _resume(self, how):
        for attempt in range(1, RESUMES + 1):
            process = self._start(self.command(how))
            _, errors = process.communicate(timeout=60)
            if process.returncode == 0:
                return attempt
        raise Unkept(f"not whole after {RESUMES} runs with {how}: status {process.returncode}, {errors.decode()[-500:]}")


class Items(Victim):
    """Items of a pool or a Process: a line for each."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.kind = self.random.choice(self.kinds)
        self.workers = self.random.randint(1, 5)
        self.items = self.random.randint(1, 300)
        self.words = [*self.interpreter, self.kind, self.workers, self.items]

    def check(self, status, errors, blow, sent):
        self.check_is_told(status, errors, blow)
        ran = self.times_run()
        twice = ran - Counter(range(self.items))
        spared = not self.surroundings.may_fail and not blow.kills_children
        if spared:
            expect(not twice, f"ran twice: {twice}")
        if blow.hits == "child":
            expect(sum(twice.values()) <= sent, f"a death cost more than one item: {twice}")
        lines = whole_lines(self.folder / "out")
        if status == 0:
            expect(lines and lines[-1] == "end", "it succeeded without its end")
        if lines and lines[-1] == "end":
            self._check_told(lines[:-1], ran, sent if blow.kills_children else self.surroundings.may_fail * self.items)
        return self.items, sum(twice.values()), 1

    def _check_told(self, lines, ran, may_be_lost):
        told = [line.split() for line in lines]
        expect(len(told) == self.items, f"{len(told)} of {self.items} items are told")
        values = {int(item): value for item, value in told if value != "lost"}
        wrong = {item: value for item, value in values.items() if value != str(item * item)}
        expect(not wrong, f"wrong values: {wrong}")
        expect(set(values) <= set(ran), "a value without its item's having run")
        lost = self.items - len(values)
        if self.kind == "process":
            may_be_lost *= -(-self.items // self.workers)
        elif self.kind not in ("imap", "executor"):
            may_be_lost = 0  # tried again
        expect(lost <= may_be_lost, f"{lost} items are lost, of at most {may_be_lost}")


class Library(Items):
    name = "C++"
    kinds = ("map", "imap", "later", "forked", "process")
    interpreter = (VICTIM,)
    own_ends = (-signal.SIGXFSZ,)  # it writes past the limit, as any program


class Package(Items):
    name = "Python"
    kinds = ("map", "imap", "later", "callbacks", "executor", "spawn", "process")
    interpreter = (PYTHON, Path(__file__).with_name("pool_victim.py"))


DOORS = (Commands, Library, Package)
