"""What happens in a worker process around its tasks: it becomes a process as multiprocessing knows them."""
import contextlib
import itertools
import os
import signal
import sys
import threading
from multiprocessing import connection, process, util

from . import _haid, _processes


class Worker(process.BaseProcess):
    """Who a worker is; it was not started by multiprocessing.

    ``daemon`` is what its counterpart's is: libraries decide by it how many processes they start in it. It may have
    children all the same, for which multiprocessing looks into _config: all of them end with the pool."""

    daemon = True

    def __init__(self, number, parent, kind="Fork", daemon=True):
        self.daemon = daemon
        self._identity = (*parent._identity, number)
        self._config = {**parent._config, "daemon": False}
        self._parent_pid = None
        self._parent_name = parent.name
        self._popen = None
        self._closed = False
        self._target = None
        self._args = ()
        self._kwargs = {}
        self._name = f"{kind}PoolWorker-{':'.join(map(str, self._identity))}"


class Parent(process._ParentProcess):
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


@contextlib.contextmanager
def starter(workers, initializer, initargs, daemon):
    """What as many workers are to call before all else, each with its number in the pool (and what else the engine
    wants to know of how they start: see _spawned). They are forked while the context lasts.

    Whatever can be made here is: in a worker each page of memory that is written to is copied first, which is most of
    what its start costs."""
    parent = process.current_process()
    first_number = reserve_numbers(workers)
    identities = [Worker(first_number + worker, parent, daemon=daemon) for worker in range(workers)]
    parent_process = Parent(parent.name, os.getpid(), None)
    numbers, children = itertools.count(1), set()
    budget_names = _haid.budget_names()
    null = _processes.above_standard(os.open(os.devnull, os.O_RDONLY))
    stdin = open(null, encoding="utf-8", closefd=False)
    cell = None
    if hasattr(sys.stdout, "pub_thread"):
        from . import _notebook

        cell = _notebook.current_cell()

    def start(worker):
        process._process_counter = numbers
        process._children = children
        if sys.stdin is not None:
            try:
                sys.stdin.close()
            except (OSError, ValueError):
                pass
            sys.stdin = stdin
        identities[worker]._parent_pid = os.getppid()
        become(identities[worker], parent_process)
        budget, environment = _haid.budget(), os.environ._data
        for name in budget_names:
            environment[name] = budget  # the C library has it already
        util._finalizer_registry.clear()
        util._run_after_forkers()
        initialize(initializer, initargs, cell)

    try:
        yield start, None, []
    finally:
        os.close(null)


def engine(workers, initializer, initargs, most_tasks, how, daemon=True):
    """With workers that are started by ``how.starter``."""
    with how.starter(workers, initializer, initargs, daemon) as (start, *program):
        return _haid.Engine(workers, start, leave, initializer is not None, most_tasks or 0, *program)


def become(worker, parent):
    process._current_process = worker
    process._parent_process = parent


def initialize(initializer, initargs, cell=None):
    _processes.print_whole_lines(cell)
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            leave()
            raise


PATIENCE = 60  # seconds that what tasks have left in a worker may take to end


def leave():
    """Before a worker ends by itself. Where its tasks have left nothing to be done, to look for it would take an eighth
    of all its page faults."""
    processes = util._finalizer_registry or process._children or util._logger is not None
    threads = len(threading._active) > 1 or threading._threading_atexits
    if not processes and not threads:
        return
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    _processes.tell_threads_of_the_end()
    if processes or process._children:
        util._exit_function()
    if threads:
        threading._shutdown()


def _give_up(_, frame):
    import traceback

    where = "".join(traceback.format_stack(frame))
    name = process.current_process().name
    message = f"haid: {name} has not ended {PATIENCE} s after its pool was closed, and is ended. It waits here:\n{where}"
    os.write(2, message.encode(errors="backslashreplace"))
    os._exit(1)
