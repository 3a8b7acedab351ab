"""CPython's tests of a module, as a module that child processes can import, too; and what runs one class of them and
writes down what comes of each test. The environment names the module and the start method."""
import importlib
import json
import os
import pkgutil
import sys
import unittest

METHOD = os.environ["CONFORMANCE_METHOD"]
FLAVOURS_LEFT_OUT = ("WithManager", "WithThreads")


def enter_multiprocessing():
    tests = importlib.import_module("test._test_multiprocessing")
    tests.install_tests_in_module_dict(globals(), METHOD)
    tests.PRELOAD[1:] = [__name__]  # what CPython's own test of the forkserver would have it import


def enter_futures():
    """The classes of the executor of processes, for the start method."""
    tests = importlib.import_module("test.test_concurrent_futures")
    modules = [tests]
    for module in pkgutil.iter_modules(getattr(tests, "__path__", ())):  # from 3.12 on it is a package
        if module.name.startswith("test_"):
            modules.append(importlib.import_module(f"{tests.__name__}.{module.name}"))
    flavour = "ProcessPool" + METHOD.capitalize()
    for module in modules:
        globals().update({name: value for name, value in vars(module).items()
                          if name.startswith(flavour) and not name.startswith(flavour + "server")})


{"multiprocessing": enter_multiprocessing, "futures": enter_futures}[os.environ["CONFORMANCE_MODULE"]]()


def classes():
    return sorted(
        name
        for name, value in globals().items()
        if isinstance(value, type)
        and issubclass(value, unittest.TestCase)
        and not name.startswith(FLAVOURS_LEFT_OUT)
        and unittest.defaultTestLoader.getTestCaseNames(value)
    )


class Result(unittest.TextTestResult):
    """Writes lines: what happened and to which test."""

    def __init__(self, file, *args):
        super().__init__(*args)
        self._file = file

    def _write(self, event, test, text=""):
        name = getattr(test, "_testMethodName", str(test))
        print(json.dumps([event, name, text]), file=self._file, flush=True)

    def startTest(self, test):
        self._write("start", test)
        super().startTest(test)

    def addSuccess(self, test):
        self._write("passed", test)
        super().addSuccess(test)

    def addSkip(self, test, reason):
        self._write("skipped", test, reason)
        super().addSkip(test, reason)

    def addError(self, test, error):
        self._write("failed", test, self._exc_info_to_string(error, test))
        super().addError(test, error)

    def addFailure(self, test, error):
        self._write("failed", test, self._exc_info_to_string(error, test))
        super().addFailure(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self._write("failed", test, self._exc_info_to_string(error, test))
        super().addSubTest(test, subtest, error)


def run(class_name, report, tests=(), left_out=()):
    loader = unittest.defaultTestLoader
    tests = tests or loader.getTestCaseNames(globals()[class_name])
    names = [f"{class_name}.{test}" for test in tests if test not in left_out]
    suite = loader.loadTestsFromNames(names, sys.modules[__name__])
    with open(report, "w") as file:
        unittest.TextTestRunner(verbosity=2, resultclass=lambda *args: Result(file, *args)).run(suite)
