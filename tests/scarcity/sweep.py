"""Runs something once for each limit, two at a time, and looks at how each run ends."""
import os
import selectors
import signal
import time

PATIENCE = 60  # seconds that a run may take; what cannot be had is waited for no longer than some 10
AT_A_TIME = 2

LIMITS = {"descriptors": range(3, 65), "processes": range(1, 17)}


class Run:
    """One run: a process in a group of its own, and what it has written."""

    def __init__(self, limit, pid, output):
        self.limit, self._pid, self._output = limit, pid, output
        self.text = ""
        self.status = None  # None: it did not end
        self.left = False  # something of it was there when it had ended

    def collect(self):
        until = time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as ready:
            ready.register(self._output, selectors.EVENT_READ)
            ended = os.pidfd_open(self._pid)
            ready.register(ended, selectors.EVENT_READ)
            data, over = b"", False
            while not over and time.monotonic() < until:
                events = {key.fd for key, _ in ready.select(until - time.monotonic())}
                if self._output in events:
                    more = os.read(self._output, 1 << 16)
                    data += more
                    if not more:
                        ready.unregister(self._output)
                elif ended in events:
                    over = True
            os.close(ended)
        self.text = data.decode(errors="replace").strip()
        self.left = over and not self._group_ends(until)
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        status = os.waitpid(self._pid, 0)[1]
        os.close(self._output)
        if over:
            self.status = os.waitstatus_to_exitcode(status)

    def _group_ends(self, until):
        """Whether nobody but the process itself, which is not reaped yet, is left of its group."""
        while any(_group_of(entry) == self._pid for entry in os.listdir("/proc")
                  if entry.isdigit() and int(entry) != self._pid):
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True


def _group_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            state, _, group = stat.read().rpartition(")")[2].split()[:3]
    except OSError:
        return None
    return None if state == "Z" else int(group)


def forked(limit, body):
    """A run of ``body(limit)`` in a fork of this process, in a group of its own, with the standard descriptors alone."""
    output, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.dup2(theirs, 1)
        os.dup2(theirs, 2)
        os.closerange(3, 1024)
        body(limit)
        os._exit(70)  # it does not return
    os.close(theirs)
    return Run(limit, pid, output)


def sweep(limits, start):
    """The runs that ``start(limit)`` begins."""
    limits, runs = list(limits), []
    for first in range(0, len(limits), AT_A_TIME):
        batch = [start(limit) for limit in limits[first:first + AT_A_TIME]]
        for run in batch:
            run.collect()
        runs += batch
    return runs
