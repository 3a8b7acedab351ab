"""Libraries that wait for ever in a forked process, for threads that only the process has that it is a copy of.

Of most nobody can see whether they have threads (OpenMP's have no name). Looking costs nothing where such a library was
not imported.
"""
import os
import sys
import warnings

LIBRARIES = {"polars": "polars-"}  # by their modules: how the names of their threads begin


def warn():
    """Before a process is forked that the caller of the package will use."""
    for library, beginning in LIBRARIES.items():
        if library in sys.modules and any(name.startswith(beginning) for name in _names_of_threads()):
            warnings.warn(
                f"{library} has started its threads, which a forked process does not have: a task that uses {library} waits "
                f"for them for ever. Make the pool before {library} is used for the first time, or use "
                'haid.get_context("spawn"); nothing is wrong where tasks do without it',
                RuntimeWarning,
                _depth_of_caller(),
            )


def _names_of_threads():
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/comm") as file:
                yield file.read()
        except (FileNotFoundError, ProcessLookupError):
            pass


def _depth_of_caller():
    """As warnings count, of the first one outside of the package and multiprocessing."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("haid", "multiprocessing"):
        depth, frame = depth + 1, frame.f_back
    return depth
