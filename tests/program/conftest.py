import os
import shutil
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import support  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "memory: measures memory, which a sanitizer multiplies")
    # A signal that is ignored here, in the background of a script, would be ignored by the program as well.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTSTP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def haid(tmp_path):
    """The program; whatever a test leaves running is ended after it."""
    program = support.Program(tmp_path)
    yield program
    program.end_everything()


@pytest.fixture
def tidy_haid(haid):
    """The program in a test after which nothing may be left: no process, no temporary file."""
    yield haid
    haid.wait_until_nothing_is_left()
    assert haid.temporary_files() == []


@pytest.fixture
def as_parallel(haid):
    """The same program under the name of parallel."""
    link = haid.folder / "bin" / "parallel"
    link.parent.mkdir()
    link.symlink_to(haid.path)
    haid.path = str(link)
    return haid


@pytest.fixture
def without_syscall():
    """The command words that put a system call out of order for what follows them."""
    tool = shutil.which(support.WITHOUT_SYSCALL)
    if tool is None:
        pytest.fail(f"there is no tool '{support.WITHOUT_SYSCALL}': build it, or name it in HAID_WITHOUT_SYSCALL")
    return lambda call, error: [tool, call, error]
