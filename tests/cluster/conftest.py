import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import lab as labs  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "memory: measures memory, which a sanitizer multiplies")


@pytest.fixture(scope="session")
def haid():
    return str(pathlib.Path(os.environ["HAID"]).resolve())


@pytest.fixture(scope="session")
def the_lab():
    """The only one: its networks have names. None, or a list of it."""
    why_not = labs.why_not()
    if why_not:
        pytest.skip(why_not)
    up = []
    yield up
    for lab in up:
        lab.__exit__()


def up_and_empty(the_lab):
    if not the_lab:
        the_lab.append(labs.Lab().__enter__())
    lab = the_lab[0]
    for file in lab.shared.iterdir():
        subprocess.run(["rm", "-rf", str(file)], check=True)
    return lab


@pytest.fixture
def lab(the_lab):
    """A lab that a test leaves as it was: all nodes up, nothing running."""
    lab = up_and_empty(the_lab)
    yield lab
    lab.run("scancel", "-u", "root", "--full", check=False)
    lab._until(lambda: lab.run("squeue", "-h", check=False).stdout == "", "jobs have not ended")


@pytest.fixture
def broken_lab(the_lab):
    """A lab that nobody uses after this test."""
    yield up_and_empty(the_lab)
    the_lab.pop().__exit__()
