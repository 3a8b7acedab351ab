"""Runs every case with GNU parallel and with haid and compares what they did.

The cases are in cases/*.toml: one table a case, its name being the table's.

    run     the shell line, given to bash
    stdin   what the line reads from standard input (default: nothing)
    files   files to create beforehand: name = content
    sort    what has no defined order: "stdout", "stderr" or names of files;
            their lines are sorted before they are compared
    stderr  true to compare standard error as well
    ignore  names of files that are not compared

Standard output, the exit status and every file below the working directory
are always compared.  The times in logs and result tables are compared by
their format only.

HAID=<path>        the program to compare (default: build/bin/haid)
HAID_NO_ORACLE=1   skip everything where GNU parallel is not installed
"""

import difflib
import os
import re
import shutil
import signal
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TIME_LIMIT = 60
OLDEST_ORACLE = 20220000
SYSTEM_PATH = "/usr/bin:/bin"

MASKS = [
    # A job log: the runtime is padded to ten characters.
    (rb"\t\d{10}\.\d{3}\t(?= *\d+\.\d{3}\t)[ \d.]{10}\t", rb"\t<start>\t<padded runtime>\t"),
    (rb"([\t,])\d{10}\.\d{3}([\t,])\d+\.\d{3}([\t,])", rb"\1<start>\2<runtime>\3"),
    (rb'"Starttime": \d{10}\.\d{3}, "JobRuntime": \d+\.\d{3},', b'"Starttime": <start>, "JobRuntime": <runtime>,'),
]


@dataclass
class Case:
    run: str
    stdin: str = ""
    files: dict = field(default_factory=dict)
    sort: list = field(default_factory=list)
    stderr: bool = False
    ignore: list = field(default_factory=list)


@dataclass
class Outcome:
    status: int
    stdout: bytes
    stderr: bytes
    files: dict


def load_cases():
    for path in sorted(HERE.glob("cases/*.toml")):
        with path.open("rb") as file:
            for name, table in tomllib.load(file).items():
                yield pytest.param(Case(**table), id=f"{path.stem}/{name}")


def is_usable_oracle(path):
    try:
        text = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=TIME_LIMIT).stdout
    except OSError:
        return False
    # The whole line: haid says more on it, and must not be taken for its own oracle.
    version = re.match(r"GNU parallel (\d{8})\n", text)
    return version is not None and int(version[1]) >= OLDEST_ORACLE


def find_oracle():
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/bin"]:
        path = Path(folder or ".", "parallel")
        if os.access(path, os.X_OK) and is_usable_oracle(path):
            return path.resolve()
    return None


def find_haid():
    path = Path(os.environ.get("HAID") or HERE.parents[1] / "build/bin/haid").resolve()
    return path if path.is_file() and os.access(path, os.X_OK) else None


def what_is_missing():
    if ORACLE is None:
        return f"GNU parallel {OLDEST_ORACLE} or newer is not installed (HAID_NO_ORACLE=1 skips these tests)"
    if HAID is None:
        return "there is no program to compare: build haid, or name it with HAID=<path>"
    return None


ORACLE = find_oracle()
HAID = find_haid()
MISSING = what_is_missing()

if ORACLE is None and os.environ.get("HAID_NO_ORACLE") == "1":
    pytest.skip("HAID_NO_ORACLE=1: there is nothing to compare with", allow_module_level=True)


def end_session(leader):
    """Kills what is left of a session: GNU parallel gives each job a process group of its own."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            session = int(stat.read_text(errors="replace").rpartition(")")[2].split()[3])
            if session == leader:
                os.kill(int(stat.parent.name), signal.SIGKILL)
        except (OSError, ValueError):
            pass  # the process ended meanwhile


def run_in_session(who, argv, stdin, cwd, env):
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{who} took more than {TIME_LIMIT} s: {argv[-1]}", pytrace=False)
        finally:
            end_session(process.pid)
    return process.returncode, stdout, stderr


def read_tree(top):
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()} | {
        f"{path.relative_to(top)}/": b"" for path in top.rglob("*") if path.is_dir()
    }


class Stage:
    """A folder that is set up in the same place, and in the same way, for every run."""

    def __init__(self, top):
        self.top = top
        self.seed = top / "seed"
        (self.seed / ".parallel").mkdir(parents=True)
        (self.seed / ".parallel/will-cite").touch()
        # GNU parallel measures the machine on its first run and keeps the result in its home.
        self.perform("GNU parallel", ORACLE, Case("echo x | parallel -X true"))
        shutil.copytree(self.top / "run/home", self.seed, dirs_exist_ok=True)

    def perform(self, who, program, case):
        run = self.top / "run"
        shutil.rmtree(run, ignore_errors=True)
        for name in ("bin", "tmp", "work"):
            (run / name).mkdir(parents=True)
        shutil.copytree(self.seed, run / "home")
        (run / "bin/parallel").symlink_to(program)
        for name, content in case.files.items():
            path = run / "work" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, newline="")
        env = {
            "PATH": f"{run}/bin:{SYSTEM_PATH}",
            "HOME": f"{run}/home",
            "TMPDIR": f"{run}/tmp",
            "LC_ALL": "C",
            "SHELL": "/bin/bash",
        }
        # A line of its own keeps bash from replacing itself with the last
        # command: parallel looks for the shell it was started from.
        argv = ["/bin/bash", "-c", case.run.rstrip("\n") + "\nexit"]
        status, stdout, stderr = run_in_session(who, argv, case.stdin.encode(), run / "work", env)
        return Outcome(status, stdout, stderr, read_tree(run / "work"))


def sort_lines(content):
    return b"".join(sorted(content.splitlines(keepends=True)))


def mask_times(content):
    for pattern, replacement in MASKS:
        content = re.sub(pattern, replacement, content)
    return content


def comparable(case, outcome):
    """What is compared, as a list of titles and contents."""
    parts = {"stdout": outcome.stdout}
    if case.stderr:
        parts["stderr"] = outcome.stderr
    parts |= {name: mask_times(content) for name, content in sorted(outcome.files.items()) if name not in case.ignore}
    for name in case.sort:
        parts[name] = sort_lines(parts.get(name, b""))
    return {"exit status": str(outcome.status).encode()} | parts


def as_text(parts):
    lines = []
    for title, content in parts.items():
        lines.append(f"-- {title}")
        lines += [line.decode("latin-1").encode("unicode_escape").decode() for line in content.splitlines(keepends=True)]
    return lines


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    return Stage(tmp_path_factory.mktemp("differential"))


def test_both_programs_are_there():
    if MISSING:
        pytest.fail(MISSING, pytrace=False)


@pytest.mark.parametrize("case", [] if MISSING else load_cases())
def test_same_as_gnu_parallel(case, stage):
    expected = stage.perform("GNU parallel", ORACLE, case)
    actual = stage.perform("haid", HAID, case)
    wanted, got = comparable(case, expected), comparable(case, actual)
    if wanted != got:
        diff = difflib.unified_diff(as_text(wanted), as_text(got), "GNU parallel", "haid", n=5, lineterm="")
        said = actual.stderr.decode(errors="replace")[:2000]
        pytest.fail("\n".join([case.run.strip(), *diff, f"-- haid's stderr:\n{said}"]), pytrace=False)
