"""CPython's own tests of multiprocessing and of ProcessPoolExecutor pass with haid in the place of these.

A selection that takes about a minute; conformance/run.py runs all of them.
"""
import importlib.util
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "conformance"))
import run  # noqa: E402

POOLS = "WithProcessesTestPool WithProcessesTestPoolWorkerErrors WithProcessesTestPoolWorkerLifetime".split()
SELECTION = {
    ("multiprocessing", "fork"): POOLS
    + """WithProcessesTestProcess WithProcessesTestSubclassingProcess WithProcessesTestQueue WithProcessesTestLock
    WithProcessesTestSemaphore WithProcessesTestCondition WithProcessesTestEvent WithProcessesTestValue
    WithProcessesTestArray WithProcessesTestSharedMemory WithProcessesTestConnection WithProcessesTestLogging
    WithProcessesTestManagerRestart TestCloseFds TestFlags TestForkAwareThreadLock TestInitializers TestNoForkBomb
    TestSimpleQueue TestStartMethod TestStdinBadfiledescriptor TestSyncManagerTypes
    OtherTest""".split(),
    ("multiprocessing", "spawn"): "TestInitializers TestStartMethod WithProcessesTestPoolWorkerErrors".split(),
    ("multiprocessing", "forkserver"): "TestInitializers WithProcessesTestSubclassingProcess".split(),
    ("futures", "fork"): """ProcessPoolForkExecutorDeadlockTest ProcessPoolForkInitializerTest
    ProcessPoolForkFailingInitializerTest ProcessPoolForkProcessPoolShutdownTest
    ProcessPoolForkProcessPoolExecutorTest""".split(),
}
CLASSES = [(module, method, name) for (module, method), names in SELECTION.items() for name in names]


def python_has_its_tests():
    try:
        return importlib.util.find_spec("test._test_multiprocessing") is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.skipif(not python_has_its_tests(),
                    reason="this Python comes without its tests (Debian: libpython3.11-testsuite)")
@pytest.mark.parametrize("module, method, name", CLASSES, ids=["-".join(case) for case in CLASSES])
def test_all_that_the_standard_library_passes(module, method, name):
    ours = run.run_class(name, module, method, left_out=tuple(run.differing(name)), limit=100)
    failed = ours.named("failed")
    if failed:
        standard = run.run_class(name, module, method, tests=failed, standard_library=True, limit=100)
        failed = [test for test in failed if standard.tests.get(test, ("passed",))[0] == "passed"]
    assert not failed, "\n".join(f"{test}: {ours.tests[test][1]}" for test in failed) + ours.log[-20000:]
    assert ours.named("passed")
