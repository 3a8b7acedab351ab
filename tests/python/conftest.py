"""For tests that break pools on purpose."""
import resource
import signal

import pytest

import haid

# Whoever starts tests in the background of a script has Ctrl-C ignored, by them and by all that they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def no_cores():
    """Crashes are meant here: nobody wants their cores."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


@pytest.fixture
def pool():
    with haid.Pool(2) as pool:
        yield pool
        pool.close()
        pool.join()
