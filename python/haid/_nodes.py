"""Pools over the nodes of a Slurm job: what becomes a host on each of them, which has a pool of its own there.

A host is told through its connection what multiprocessing tells a process that it spawns: it imports the program's main
module, under the name ``__mp_main__``, and its workers are forked from it.
"""
import io
import os
import pickle
import sys
from multiprocessing import context, process, reduction, spawn, util

from . import _haid, _pickling, _spawned, _worker  # noqa: F401  _pickling: what _haid decodes with
from ._functions import Functions


class _Told:
    """Stands for a process that multiprocessing starts, while something is pickled for it."""

    def DupFd(self, descriptor):
        raise OSError("a file, a pipe or a lock cannot go to another node")


def engine_on(options):
    """Of workers on the nodes of the options; and how functions reach them."""
    spawn._check_not_importing_main()
    told = io.BytesIO()
    context.set_spawning_popen(_Told())
    try:
        reduction.dump(_spawned.preparation(), told)
        beginning = _spawned.beginning(options.initializer, options.initargs)
    finally:
        context.set_spawning_popen(None)
    reduction.dump((options.numbers, beginning), told)
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = f"import sys; sys.path.append({package!r}); from haid._nodes import main; main()"
    command = [spawn.get_executable(), *util._args_from_interpreter_flags(), "-c", code]
    engine = _haid.Engine([os.fsdecode(word) for word in command], told.getvalue(), options.nodes)
    return engine, Functions(_spawned.has_main())


def _make(description):
    told = io.BytesIO(description)
    current = process.current_process()
    current._inheriting = True
    try:
        preparation = pickle.load(told)
        spawn.prepare(preparation)
        _spawned.enter_package(preparation)
        numbers, beginning = pickle.load(told)
        initializer, initargs = pickle.loads(beginning)
    finally:
        del current._inheriting
    return _worker.engine(numbers, initializer, initargs, _worker)


def main():
    """Of a host."""
    status = _haid.serve(_make)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # it was closed from the start
            stream.flush()
    os._exit(status)
