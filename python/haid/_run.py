"""Many commands at once: the program haid from Python, with what became of each as an object.

    for outcome in haid.run(["gzip -9 a.txt", ["Rscript", "fit.R", "--seed", 1]], timeout=600):
        print(outcome.command, outcome.exit_code, outcome.stdout)
"""
import dataclasses
import json
import os
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

PROGRAM = pathlib.Path(__file__).resolve().parent / "bin" / "haid"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a command."""

    number: int  # from 0, as the commands were given
    command: str
    exit_code: int  # minus the signal's number where one ended it
    stdout: str  # os.fsencode() gives the bytes
    stderr: str
    seconds: float
    started: float  # seconds since 1970

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class CommandsFailed(RuntimeError):
    """Some commands have failed; ``outcomes`` has all of them."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        failed = [one for one in outcomes if not one.ok]
        super().__init__(f"{len(failed)} of {len(outcomes)} commands failed, the first with {failed[0].exit_code}: "
                         f"{failed[0].command}")
        self.outcomes = outcomes


def run(commands: Iterable[str | os.PathLike[str] | Iterable[object]], jobs: int | str | None = None, *,
        timeout: float | str | None = None, retries: int = 0, delay: float | str | None = None,
        halt: str | None = None, workdir: str | os.PathLike[str] | None = None,
        joblog: str | os.PathLike[str] | None = None, resume: bool = False, env: Mapping[str, str] | None = None,
        check: bool = False, seed: int | None = None) -> list[Outcome]:
    """Runs all commands, at most ``jobs`` at a time (as many as CPUs may be used), and returns their outcomes in the
    order of the commands.

    A command is a line for the shell, or a list of words, which are taken as they are. ``timeout``: seconds, or "200%"
    of the median. ``retries``: how often one that fails is tried again. ``delay``: seconds between starts. ``halt``:
    when to stop, as the program's --halt ("now,fail=1"). ``joblog``, ``resume``: its log, and whether to leave out what
    the log has done already (that has no outcome here). ``check``: raise CommandsFailed if any failed. ``seed``: a whole
    number, from which each command gets a seed of its own for its random numbers, in the variable HAID_SEED.

    Ctrl-C, or an end of this program, ends the commands too. Raises OSError where the program itself cannot run.
    """
    if isinstance(commands, (str, bytes, os.PathLike)):
        raise TypeError(f"commands must be a list of commands, not one: haid.run([{commands!r}])")
    lines = [_line(command) for command in commands]
    arguments = [str(PROGRAM), "-0", "--results", "-.json"]
    options = {"--jobs": jobs, "--timeout": timeout, "--retries": retries + 1 if retries else None, "--delay": delay,
               "--halt": halt, "--workdir": workdir, "--joblog": joblog, "--seed": seed}
    for name, value in options.items():
        if value is not None:
            arguments += [name, os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
    if resume:
        arguments.append("--resume")
    outcomes = _outcomes(arguments, lines, env)
    if check and not all(one.ok for one in outcomes):
        raise CommandsFailed(outcomes)
    return outcomes


def _line(command: str | os.PathLike[str] | Iterable[object]) -> str:
    if isinstance(command, bytes):
        raise TypeError(f"a command is text or a list of words, not bytes: os.fsdecode({command!r}) is text")
    if isinstance(command, (str, os.PathLike)):
        line = os.fspath(command)
    else:
        line = shlex.join(os.fspath(word) if isinstance(word, os.PathLike) else str(word) for word in command)
    if "\0" in line:
        raise ValueError(f"a command cannot contain a null character: {line!r}")
    if not line.strip():
        raise ValueError("a command is empty")
    return line


def _outcomes(arguments: list[str], lines: list[str], env: Mapping[str, str] | None) -> list[Outcome]:
    text = os.fsencode("".join(line + "\0" for line in lines))
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=env) as program:
        try:
            said, complaints = program.communicate(text)
        except BaseException:
            program.terminate()
            raise
    outcomes = [_outcome(json.loads(line)) for line in os.fsdecode(said).split("\n") if line]
    # 255 is also what --halt may end with.
    if program.returncode == 255 and "--halt" not in arguments:
        raise OSError(complaints.decode(errors="replace").strip() or f"haid ended with {program.returncode}")
    return sorted(outcomes, key=lambda outcome: outcome.number)


def _outcome(record: dict[str, Any]) -> Outcome:
    signal = record["Signal"]
    return Outcome(record["Seq"] - 1, record["Command"], -signal if signal else record["Exitval"], record["Stdout"],
                   record["Stderr"], record["JobRuntime"], record["Starttime"])


def main() -> None:
    """The program itself."""
    os.execv(PROGRAM, ["haid", *sys.argv[1:]])
