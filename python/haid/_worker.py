"""What happens in a worker process around its tasks: it becomes a process as multiprocessing knows them."""
import itertools
import os
import signal
import sys
import threading
from multiprocessing import connection, process, util

from . import _haid, _processes


class _Worker(process.BaseProcess):
    """Who a worker is; it was not started by multiprocessing."""

    def __init__(self, number, parent):
        self._identity = (*parent._identity, number)
        # It may have children of its own: all of them end with the pool.
        self._config = {**parent._config, "daemon": False}
        self._parent_pid = os.getppid()
        self._parent_name = parent.name
        self._popen = None
        self._closed = False
        self._target = None
        self._args = ()
        self._kwargs = {}
        self._name = f"ForkPoolWorker-{':'.join(map(str, self._identity))}"


class _Parent(process._ParentProcess):
    def is_alive(self):
        return True  # a worker does not outlive it

    def join(self, timeout=None):
        threading.Event().wait(timeout)


class Running:
    """A worker as its parent sees it. ``pid`` is 0 until it runs."""

    exitcode = None

    def __init__(self, pid):
        self.pid = pid

    def is_alive(self):
        if not self.pid:
            return True
        try:
            with open(f"/proc/{self.pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def join(self, timeout=None):
        if not self.pid:
            return
        try:
            end = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            connection.wait([end], timeout)
        finally:
            os.close(end)

    def terminate(self):
        self._send(signal.SIGTERM)

    def kill(self):
        self._send(signal.SIGKILL)

    def _send(self, signal_number):
        if not self.pid:
            return
        try:
            os.kill(self.pid, signal_number)
        except ProcessLookupError:
            pass

    def __repr__(self):
        return f"<ForkPoolWorker pid={self.pid}>"


def reserve_numbers(count):
    """The numbers of as many workers, of which no other process of this one has one. The first is returned."""
    numbers = [next(process._process_counter) for _ in range(count)]
    return numbers[0]


def starter(first_number, parent_pid, initializer, initargs):
    """What a worker is to call before all else, with its number in the pool."""
    cell = None
    if hasattr(sys.stdout, "pub_thread"):
        from . import _notebook

        cell = _notebook.current_cell()

    def start(worker):
        parent = process.current_process()
        process._process_counter = itertools.count(1)
        process._children = set()
        util._close_stdin()
        process._current_process = _Worker(first_number + worker, parent)
        process._parent_process = _Parent(parent.name, parent_pid, None)
        for entry in _haid.environment():
            name, _, value = entry.partition("=")
            if os.environ.get(name) != value:  # what this worker may use: HAID_CPUS, OMP_NUM_THREADS, …
                os.environ[name] = value
        util._finalizer_registry.clear()
        util._run_after_forkers()
        _processes.print_whole_lines(cell)
        if initializer is not None:
            try:
                initializer(*initargs)
            except BaseException:
                leave()
                raise

    return start


def leave():
    """Before a worker ends by itself."""
    util._exit_function()
    threading._shutdown()
