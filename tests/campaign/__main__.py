"""Breaks haid at random, and counts what was lost, done twice or left behind.

    ./dev campaign [--minutes N] [--seed S] [--round N]

Each round draws a door (the program, C++, Python), its surroundings (limits, a full disk, system calls that fail) and a blow
(signals to the group, the program, its helper or a child, at some moment) from the seed and its number: what failed is tried
again by --seed and --round, though processes differ each time. It needs root.
"""
import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "program"))

import support  # noqa: E402
import nodes  # noqa: E402
from victims import DOORS, Unkept, expect  # noqa: E402

PATIENCE = 90  # seconds: no round takes half of it, with leases and all, unless something hangs
SHARED_MEMORY = Path("/dev/shm")


class Round:
    def __init__(self, seed, number, doors):
        self.number = number
        self.random = random.Random(f"{seed} {number}")
        self.folder = Path(tempfile.mkdtemp(prefix="haid-campaign-"))
        self.folder.chmod(0o755)
        self.program = support.Program(self.folder)
        door = self.random.choice(doors)
        self.surroundings, self.blow = door.draw(self.random, self.folder)
        self.victim = door(self.program, self.random, self.surroundings)

    def __str__(self):
        kind = getattr(self.victim, "kind", "")
        return f"{self.victim.name} {kind} | {self.surroundings.name} | {self.blow.name} after {self.blow.after:.2f} s"

    def run(self):
        """What ran, what of it twice, and how many signals were sent. Unkept: what did not hold."""
        shared = set(SHARED_MEMORY.iterdir())
        disk = self.folder / "disk"
        disk.mkdir(exist_ok=True)
        if self.surroundings.full_disk:
            self._mount(f"size={self.surroundings.full_disk}")
        process = self.victim.start()
        sent = self.blow.strike(self.program, process, self.random)
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Unkept(f"it does not end:\n{self._describe()}") from None
        self._expect_nothing_left(shared)
        if self.surroundings.full_disk:
            self._mount("remount,size=64m")
        try:
            ran, twice, _ = self.victim.check(process.returncode, errors.decode(errors="replace"), self.blow, sent)
        except subprocess.TimeoutExpired:
            raise Unkept(f"its second run does not end:\n{self._describe()}") from None
        except Unkept as unkept:
            raise Unkept(f"{unkept}\n  status {process.returncode}, errors: {errors.decode(errors='replace')[-600:]}") from None
        self._expect_nothing_left(shared)
        return ran, twice, sent

    def _mount(self, options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "campaign", self.folder / "disk"], check=True)

    def _describe(self):
        def of(pid):
            try:
                where = Path(f"/proc/{pid}/wchan").read_text()
            except OSError:
                where = "?"
            return f"  {pid} (parent {support.parent_of(pid)}, {support.state_of(pid)}, in {where}) {support.command_of(pid)}"
        return "\n".join(of(pid) for pid in self.program.alive())

    def _expect_nothing_left(self, shared):
        end = time.monotonic() + PATIENCE / 3
        while self.program.alive() and time.monotonic() < end:
            time.sleep(support.POLL_INTERVAL)
        expect(not self.program.alive(), f"left behind:\n{self._describe()}")
        expect(not self.victim.what_is_left(), f"left in TMPDIR: {self.victim.what_is_left()}")
        new = {path.name for path in set(SHARED_MEMORY.iterdir()) - shared if path.owner() in ("root", "nobody")}
        expect(not {name for name in new if "haid" in name}, f"left in {SHARED_MEMORY}: {new}")

    def end(self, keep):
        self.program.end_everything()
        self.victim.close()
        if self.surroundings.full_disk:
            subprocess.run(["umount", "-l", self.folder / "disk"], check=False, stderr=subprocess.DEVNULL)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def doors(options):
    """Those of one machine four times as often: a round over nodes waits for leases, so short campaigns have none."""
    without = nodes.labs.why_not() or ("" if options.minutes >= 5 or options.door == "nodes" else "fewer than 5 minutes")
    if without:
        print(f"no rounds over nodes: {without}")
    open_ = [*DOORS * 4, *([] if without else [nodes.NodeCommands])]
    return [door for door in open_ if options.door in (None, door.name)]


def campaign(options):
    sums = collections.defaultdict(collections.Counter)
    failures = []
    end = time.monotonic() + options.minutes * 60
    number = options.round or 0
    open_doors = doors(options)
    while time.monotonic() < end and len(failures) < options.failures:
        if not options.round:
            number += 1
        one = Round(options.seed, number, open_doors)
        if options.verbose:
            print(f"{number}: {one}", flush=True)
        sum_ = sums[one.victim.name]
        sum_["rounds"] += 1
        failed = True
        try:
            ran, twice, sent = one.run()
            sum_["jobs"] += ran
            sum_["twice"] += twice
            sum_["signals"] += sent
            failed = False
        except Unkept as unkept:
            sum_["failed"] += 1
            failures.append(number)
            print(f"round {number}: {one}\n  {unkept}\n  in {one.folder}", flush=True)
        finally:
            one.end(keep=failed)
    return sums, failures


def table(sums):
    columns = ("rounds", "signals", "jobs", "twice", "failed")
    print(f"{'door':10}" + "".join(f"{column:>10}" for column in columns))
    for door in sorted(sums):
        print(f"{door:10}" + "".join(f"{sums[door][column]:>10}" for column in columns))


def main():
    parser = argparse.ArgumentParser(prog="./dev campaign", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=1, help="how long (1)")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10**6)), help="any text; drawn and printed without")
    parser.add_argument("--round", type=int, help="this round only, again and again")
    parser.add_argument("--door", choices=[door.name for door in (*DOORS, nodes.NodeCommands)], help="this door only")
    parser.add_argument("--failures", type=int, default=5, help="stop after so many (5)")
    parser.add_argument("--verbose", action="store_true", help="name each round as it begins")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored in the background of a script, and so by all that is started
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if os.geteuid() != 0:
        parser.error("it needs root: to mount small disks, and to be somebody else with few processes")
    print(f"campaign: seed {options.seed}, {options.minutes:g} minutes", flush=True)
    try:
        sums, failures = campaign(options)
    finally:
        nodes.NodeCommands.take_down()
    table(sums)
    passed = sum(sum_["rounds"] for sum_ in sums.values()) - len(failures)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
