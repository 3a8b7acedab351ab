"""What the documents show of Python runs, in its order; their whole programs print what they say."""
import pathlib
import re
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]

# What the pieces take for granted.
AROUND = """
import haid
import haid as mp
import multiprocessing

def simulate(seed):
    return seed * 2

seeds = [1, 2, 3]
pool = mp.Pool(2)
"""

CHECKS = """
assert squares == [1, 4, 9] and table == [8, 9] and first == 2
assert child.exitcode == 0
assert scaled == [5.0, 10.0, 15.0]
assert list(results) == []
assert same and pool.apply(haid.item_index) == 0
pool.close()
pool.join()
"""


def blocks(document):
    return re.findall(r"^```python\n(.*?)^```$", (CHECKOUT / document).read_text(), re.MULTILINE | re.DOTALL)


def run(source, folder):
    path = folder / "block.py"
    path.write_text(source)
    result = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize("document, expected", [
    ("README.md", "[16, 4, 9]\n[2, 3]\n"),
    ("docs/python.md", "[16, 4, 9]\n"),
    ("docs/random.md", "pi is about 3.14\n"),
])
def test_the_program_runs(document, expected, tmp_path):
    (program,) = [block for block in blocks(document) if "__main__" in block]
    assert run(program, tmp_path) == expected


def test_the_pieces_run(tmp_path):
    pieces = [block for block in blocks("docs/python.md") if "__main__" not in block]
    assert len(pieces) >= 5
    lines = run(AROUND + "".join(pieces) + CHECKS, tmp_path).splitlines()
    assert sorted(lines[:3]) == ["2", "4", "6"]  # imap_unordered
    assert lines[3:9] == ["2", "4", "6"] * 2
    assert lines[9].startswith("sleep 0.1; echo first 0 first")  # haid.run
    assert "a word; $HOME" in lines[11]
