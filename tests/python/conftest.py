"""For tests that break pools on purpose."""
import resource

import pytest

import haid


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
