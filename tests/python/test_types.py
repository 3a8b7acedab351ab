"""What type checkers see of haid: right uses are accepted, wrong ones refused, and nothing is said that is not so."""
import pathlib
import re
import subprocess
import sys

import haid

PROGRAM = pathlib.Path(__file__).parent / "typed" / "program.py"
# What only haid itself calls.
PRIVATE = r"""
haid\.futures\.ProcessPoolExecutor\.__new__
haid\.joblib\.Backend
haid\.pool\.(ApplyResult|AsyncResult|IMapIterator|IMapUnorderedIterator|MapResult)\.__(init|new)__
"""


def complaints(*arguments):
    done = subprocess.run([sys.executable, "-m", *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=100)
    return "" if done.returncode == 0 else done.stdout


def test_program(tmp_path):
    assert not complaints("mypy", "--strict", "--cache-dir", tmp_path, PROGRAM)


def test_a_wrong_use_is_refused(tmp_path):
    """Each of them, where it is not marked as wrong."""
    program = tmp_path / "program.py"
    text = PROGRAM.read_text()
    program.write_text(re.sub("  # type: ignore.*", "", text))
    found = complaints("mypy", "--strict", "--cache-dir", tmp_path / "cache", program)
    wrong = [number for number, line in enumerate(text.splitlines(), 1) if "# type: ignore" in line]
    assert sorted({int(number) for number in re.findall(r"program\.py:(\d+): error", found)}) == wrong


def test_stubs_say_what_is_there(tmp_path):
    settings, allowed = tmp_path / "mypy.ini", tmp_path / "allowed"
    settings.write_text("[mypy]\nignore_errors = True\n")
    allowed.write_text(PRIVATE)
    assert not complaints("mypy.stubtest", "haid", "--concise", "--ignore-missing-stub", "--mypy-config-file", settings,
                          "--allowlist", allowed)


def test_all():
    """The names that are documented, and what a star gives."""
    names = {}
    exec("from haid import *", names)
    own = {"CommandsFailed", "Outcome", "OwnerDied", "PoolClosed", "PoolError", "ProcessPoolExecutor", "QueueBroken",
           "TaskError", "ThreadPool", "WorkerLost", "install", "run", "uninstall"}
    assert own < set(haid.__all__) == names.keys() - {"__builtins__"}
