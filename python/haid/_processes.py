"""What processes do besides what multiprocessing's do: they print whole lines, and daemonic ones end with their parent,
however it ends.

Every child has the read end of a pipe whose write end its parent holds: multiprocessing's sentinel of the parent. A
daemonic child tells the kernel to kill it when that write end is closed, which the parent's end does. So that nobody
else holds it, children that are forked later close it.
"""
import fcntl
import io
import os
import select
import signal
import sys
import threading

from . import _scarcity


FORKED_RUN_ATEXIT = sys.version_info >= (3, 13)  # what is registered in them, as multiprocessing's do from then on


def above_standard(descriptor):
    """The same file under a number above 2; ``descriptor`` is closed then. Where a program was started with a standard
    stream closed, the next file that is opened gets its number, and what is printed."""
    if descriptor > 2:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)


def pipe():
    read_end, write_end = os.pipe()
    return above_standard(read_end), above_standard(write_end)


UNKNOWN_EXIT = 256  # no exit status or signal has this number


def poll(popen, flag=os.WNOHANG):
    """In the place of a Popen's: one that somebody else has reaped (a wait() of the program's, SIGCHLD ignored) has ended."""
    if popen.returncode is None:
        try:
            pid, status = os.waitpid(popen.pid, flag)
        except ChildProcessError:
            popen.returncode = UNKNOWN_EXIT
        else:
            if pid == popen.pid:
                popen.returncode = os.waitstatus_to_exitcode(status)
    return popen.returncode


class EndsWithParent:
    """For classes derived from multiprocessing's BaseProcess."""

    unknown_exit = UNKNOWN_EXIT  # the exitcode where somebody else was told how the process ended

    def start(self):
        try:
            super().start()
        except OSError as error:
            raise _scarcity.named(error, f"process '{self.name}'") from None

    def _bootstrap(self, parent_sentinel=None):
        if self.daemon and parent_sentinel is not None:
            _kill_when_closed(parent_sentinel)
        print_whole_lines()
        from multiprocessing import util

        # A forked one forgets what its parent was to do at its end, and calls what is registered here.
        util.register_after_fork(self, _end_in_order)
        _end_in_order(self)
        return super()._bootstrap(parent_sentinel=parent_sentinel)


def _end_in_order(_):
    from multiprocessing import util

    util.Finalize(None, tell_threads_of_the_end, exitpriority=_BEFORE_ALL_ELSE)


_BEFORE_ALL_ELSE = 1 << 30


def tell_threads_of_the_end():
    """What is to be called before threads are waited for: it tells executors and the like that they are to end, too. The
    interpreter does so first of all at its end; multiprocessing waits for an executor's processes before."""
    _be_waited_for_by_nobody(threading.main_thread())
    callbacks = threading._threading_atexits
    while callbacks:
        try:
            callbacks.pop()()
        except Exception:
            sys.excepthook(*sys.exc_info())


def _be_waited_for_by_nobody(thread):
    """This is the thread that has forked this process. It may be one of those that the parent's executors wait for at the
    end, and a thread cannot wait for itself. Where Python has not made it, there is nothing by which it could be waited
    for: without that threading does not come to its end."""
    thread.join = lambda timeout=None: None
    if isinstance(thread, threading._DummyThread) and getattr(thread, "_tstate_lock", thread) is None:
        thread._set_tstate_lock()


LONGEST_LINE = 1 << 20  # bytes; Python itself would send the beginning of a line longer than 8192 before the rest


def print_whole_lines(cell=None):
    """Each line goes out at once and whole: none is lost with a process that dies, none is mixed with another's.
    ``cell``: of _notebook.current_cell()."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if hasattr(stream, "pub_thread"):
            from . import _notebook

            setattr(sys, name, _notebook.Lines(stream, cell))
        elif hasattr(stream, "reconfigure") and not stream.closed:
            stream.reconfigure(line_buffering=True, write_through=False)
            if isinstance(stream, io.TextIOWrapper):
                stream._CHUNK_SIZE = LONGEST_LINE


def _kill_when_closed(read_end):
    try:
        # Who is to be killed belongs to an opened file, and this one may be that of other children, too.
        own = above_standard(os.open(f"/proc/self/fd/{read_end}", os.O_RDONLY | os.O_NONBLOCK))
        fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(own, _F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        return  # a sandbox that has no such signals: as with multiprocessing, then
    poll = select.poll()
    poll.register(read_end, 0)
    if poll.poll(0):  # it was closed before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)


_F_SETSIG = 10  # Linux; the module fcntl has no name for it in every version

_write_ends = set()
_life = None  # both ends of the pipe by which forked children see the end of this process


def sentinel_for_children():
    """What becomes readable when this process ends: for all children that are forked, and made for the first of them."""
    global _life
    if _life is None:
        _life = pipe()
        _write_ends.add(_life[1])
    return _life[0]


def _leave_parent():
    global _life
    _life = None
    while _write_ends:
        os.close(_write_ends.pop())


os.register_at_fork(after_in_child=_leave_parent)


def kept_to_this_process(popen):
    """What the parent has of the pipes of a child that multiprocessing has started."""
    ends = popen.finalizer._args
    write_ends = [end for end in ends if end != popen.sentinel]
    _write_ends.update(write_ends)
    popen.finalizer._callback, popen.finalizer._args = _close, (ends, write_ends)
    return popen


def _close(ends, write_ends):
    _write_ends.difference_update(write_ends)
    for end in ends:
        os.close(end)
