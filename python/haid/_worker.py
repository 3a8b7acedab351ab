"""What happens in a worker process around its tasks: it becomes a process as multiprocessing knows them."""
import atexit
import contextlib
import itertools
import os
import signal
import sys
import threading
import types
from multiprocessing import connection, context, process, util

from . import _budget, _haid, _processes, errors


# Of start methods, as the classes of multiprocessing's processes begin. One that others have registered starts programs.
_KINDS = {None: "Fork", "fork": "Fork", "spawn": "Spawn", "forkserver": "ForkServer"}


class Worker(process.BaseProcess):
    """Who a worker is; it was not started by multiprocessing.

    ``daemon`` is what its counterpart's is: libraries decide by it how many processes they start in it. It may have
    children all the same, for which multiprocessing looks into _config: all of them end with the pool."""

    daemon = True

    def __init__(self, number, parent, method=None, daemon=True):
        self.daemon = daemon
        self._start_method = method
        self._identity = (*parent._identity, number)
        self._config = {**parent._config, "daemon": False}
        self._parent_pid = None
        self._parent_name = parent.name
        self._popen = None
        self._closed = False
        self._target = None
        self._args = ()
        self._kwargs = {}
        self._name = f"{_KINDS.get(method, 'Spawn')}PoolWorker-{':'.join(map(str, self._identity))}"

    def live(self, begin, work):
        """All that a worker does, where something is around it: see is_wrapped(). Raises what ``begin`` raises."""
        faults = [errors.PoolError(f"{self._name} has not begun: what stands in place of multiprocessing.process.BaseProcess."
                                   "_bootstrap has not called what it had found there")]

        def run():
            faults.clear()
            try:
                begin()
            except BaseException as error:  # for the parent, not for the terminal
                faults.append(error)
            else:
                work()
            prepare_to_leave()

        self._target = run
        self._bootstrap(parent_sentinel=None)
        if faults:
            raise faults[0]


def is_wrapped():
    """Whether something was put around what processes of multiprocessing's do (by coverage, profilers, debuggers). Where
    not, workers do the same without multiprocessing's help, which costs less."""
    standard = vars(process)
    return any(getattr(function, "__globals__", None) is not standard for function in (Worker._bootstrap, Worker.run))


def is_exit_replaced():
    return not isinstance(os._exit, types.BuiltinFunctionType)


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
def starter(workers, initializer, initargs, method, daemon):
    """What as many workers are to call: see worker_hooks in the extension (and what else the engine wants to know of how
    they start: see _spawned). They are forked while the context lasts.

    Whatever can be made here is: in a worker each page of memory that is written to is copied first, which is most of
    what its start costs."""
    parent = process.current_process()
    first_number = reserve_numbers(workers)
    identities = [Worker(first_number + worker, parent, method, daemon) for worker in range(workers)]
    parent_process = Parent(parent.name, os.getpid(), None)
    numbers, children = itertools.count(1), set()
    take_budget = _budget.prepared()
    null = _processes.above_standard(os.open(os.devnull, os.O_RDONLY))
    stdin = open(null, encoding="utf-8", closefd=False)
    _haid.watch_generator(_global_generator() if workers > 1 else None)
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
        take_budget(os.environ._data)
        forget_ends_of_parent()
        util._run_after_forkers()
        initialize_or_wind_up(initializer, initargs, cell)

    def live(worker, work):
        def begin():
            process._parent_process = parent_process
            initialize(initializer, initargs, cell)

        take_budget(os.environ._data)
        forget_ends_of_parent()
        identities[worker]._parent_pid = os.getppid()
        identities[worker].live(begin, work)
        leave()

    try:
        yield (start, leave, live if is_wrapped() else None), None, []
    finally:
        os.close(null)


def _global_generator():
    """numpy's, of which each worker will have a copy, where the program has it."""
    return getattr(getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None), "_bit_generator", None)


def engine(numbers, initializer, initargs, how, method=None, daemon=True):
    """With workers that are started by ``how.starter``. ``numbers``: of _options.PoolOptions."""
    workers = numbers["workers"] or _haid.cpu_count()
    with how.starter(workers, initializer, initargs, method, daemon) as (hooks, *program):
        return _haid.Engine({**numbers, "workers": workers}, *hooks, initializer is not None, *program)


def forget_ends_of_parent():
    """What it is to do at its end is not for its children to do."""
    util._finalizer_registry.clear()
    if _processes.FORKED_RUN_ATEXIT:
        atexit._clear()


def become(worker, parent):
    if worker._start_method in context._concrete_contexts:
        context._force_start_method(worker._start_method)
    process._current_process = worker
    process._parent_process = parent
    threading.main_thread()._set_native_id()


def initialize(initializer, initargs, cell=None):
    _processes.print_whole_lines(cell)
    if initializer is not None:
        initializer(*initargs)


def initialize_or_wind_up(initializer, initargs, cell=None, run_atexit=_processes.FORKED_RUN_ATEXIT):
    try:
        initialize(initializer, initargs, cell)
    except BaseException:
        wind_up(run_atexit)
        raise


PATIENCE = 60  # seconds that what tasks have left in a worker may take to end


def leave(run_atexit=_processes.FORKED_RUN_ATEXIT):
    """Before a worker ends by itself."""
    wind_up(run_atexit)
    if is_exit_replaced():
        util._flush_std_streams()
        os._exit(0)


def wind_up(run_atexit):
    """Ends in order what a worker's tasks have left, and calls what is to be called then. Where that is nothing, to look
    for it would take an eighth of all its page faults."""
    processes = util._finalizer_registry or process._children or util._logger is not None
    threads = len(threading._active) > 1 or threading._threading_atexits
    functions = run_atexit and atexit._ncallbacks()
    if not processes and not threads and not functions:
        return
    prepare_to_leave()
    if processes or process._children:
        util._exit_function()
    if threads:
        threading._shutdown()
    if functions:
        atexit._run_exitfuncs()


def prepare_to_leave():
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    _processes.tell_threads_of_the_end()


def _give_up(_, frame):
    import traceback

    where = "".join(traceback.format_stack(frame))
    name = process.current_process().name
    message = f"haid: {name} has not ended {PATIENCE} s after its pool was closed, and is ended. It waits here:\n{where}"
    os.write(2, message.encode(errors="backslashreplace"))
    os._exit(1)
