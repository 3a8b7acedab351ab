"""Workers that are programs of their own: pools of the start methods "spawn" and "forkserver".

They have nothing of this process but what they are told, as with multiprocessing: they import the program's main module
anew, under the name ``__mp_main__``.
"""
import contextlib
import fcntl
import functools
import io
import os
import pickle
import sys
import types
from multiprocessing import context, popen_spawn_posix, process, reduction, resource_tracker, spawn, util

from . import _haid, _pickling, _processes, _worker  # _pickling: what _haid decodes with, too
from ._functions import Functions


class _Started:
    """Stands for a process that multiprocessing starts, while something is pickled for it."""

    DupFd = popen_spawn_posix._DupFd

    def __init__(self):
        self.descriptors, self.copies = [], []

    def duplicate_for_child(self, descriptor):
        if descriptor <= 2:  # what was opened where a standard stream was closed: there it is one of those
            descriptor = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
            self.copies.append(descriptor)
        self.descriptors.append(descriptor)
        return descriptor


def has_main():
    """Whether the workers import what is __main__ here."""
    told = preparation()
    name = told.get("init_main_from_name")
    if name is not None:
        # What `python -m package` or `python folder` runs has no line that tells an import from a start.
        return name != "__main__" and not name.endswith(".__main__")
    path = told.get("init_main_from_path")
    return path is not None and os.path.splitext(os.path.basename(path))[0] != "ipython"


def preparation():
    """What multiprocessing prepares a process with."""
    data = spawn.get_preparation_data("MainProcess")
    if not os.path.exists(data.get("init_main_from_path", "/")):
        del data["init_main_from_path"]  # "<stdin>": functions go by value
    if data["start_method"] not in ("fork", "spawn", "forkserver"):
        del data["start_method"]  # another's, which nobody has registered there
    return data


def enter_package(told):
    """Functions of a package's __main__ that come by value import as they did there."""
    name = told.get("init_main_from_name", "")
    if name.endswith(".__main__"):
        sys.modules["__main__"].__package__ = name.removesuffix(".__main__")


def beginning(initializer, initargs):
    """What a worker begins with, pickled. By value what it cannot have by name."""
    try:
        if has_main():
            return _pickling.dumps_whole((initializer, initargs))
    except Exception:
        pass
    from . import _by_value

    return _by_value.dumps((initializer, initargs), Functions(has_main()))


@contextlib.contextmanager
def starter(workers, initializer, initargs, method, daemon):
    """What a worker executes, and the descriptors that it needs. See _worker.starter."""
    parent = process.current_process()
    started, told = _Started(), io.BytesIO()
    tracker = started.duplicate_for_child(resource_tracker.getfd())
    settings = {
        "parent": (parent._identity, parent._config, parent.name, os.getpid()),
        "first_number": _worker.reserve_numbers(workers),
        "method": method,
        "daemon": daemon,
    }
    context.set_spawning_popen(started)
    try:
        reduction.dump(preparation(), told)
        settings["beginning"] = beginning(initializer, initargs)
        reduction.dump(settings, told)
    finally:
        context.set_spawning_popen(None)
    memory = _processes.above_standard(os.memfd_create("haid-told"))
    try:
        os.write(memory, told.getbuffer())
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        code = f"import sys; sys.path.append({package!r}); from haid._spawned import main; main({memory}, {tracker})"
        command = [spawn.get_executable(), *util._args_from_interpreter_flags(), "-c", code, "--multiprocessing-fork"]
        yield (_worker.leave, _worker.leave, None), [os.fsdecode(word) for word in command], [memory, *started.descriptors]
    finally:
        for descriptor in (memory, *started.copies):
            os.close(descriptor)


def main(memory, tracker):
    """Of such a program."""
    place = sys.argv[-1]
    resource_tracker._resource_tracker._fd = tracker
    told = io.BytesIO(os.pread(memory, os.fstat(memory).st_size, 0))
    os.close(memory)
    current = process.current_process()
    current._inheriting = True
    try:
        preparation = pickle.load(told)
        spawn.prepare(preparation)
        enter_package(preparation)
        settings = pickle.load(told)
        initializer, initargs = pickle.loads(settings["beginning"])
    finally:
        del current._inheriting
    identity, config, name, pid = settings["parent"]
    parent = types.SimpleNamespace(_identity=identity, _config=config, name=name)
    parent_process = _worker.Parent(name, pid, None)

    def identity_of(worker):
        number = settings["first_number"] + worker
        me = _worker.Worker(number, parent, settings["method"], settings["daemon"])
        me._parent_pid = os.getppid()
        return me

    def start(worker):
        util._close_stdin()
        _worker.become(identity_of(worker), parent_process)
        _worker.initialize_or_wind_up(initializer, initargs, run_atexit=True)

    def live(worker, work):
        def begin():
            process._parent_process = parent_process
            _worker.initialize(initializer, initargs)

        identity_of(worker).live(begin, work)
        leave()

    leave = functools.partial(_worker.leave, run_atexit=True)  # it is a program that ends
    os._exit(_haid.work_at(place, start, leave, live if _worker.is_wrapped() else None))
