"""Prints of tasks in a notebook: whole lines, each in the cell that runs when it is printed.

There sys.stdout is not a file but ipykernel's. In a forked process it sends every piece of a print by itself, to the
cell in which the process was forked: for the workers of a pool one that ended long ago.
"""
import io
import json
import mmap
import sys
import threading

_LENGTH = 4  # bytes of the length before the header


class _Cell:
    """Which cell runs, in memory that the workers share with the kernel."""

    def __init__(self):
        self._memory = mmap.mmap(-1, 1 << 16)

    def enter(self, *_):
        text = json.dumps(sys.stdout.parent_header, default=str).encode()
        self._memory[:_LENGTH] = bytes(_LENGTH)
        self._memory[_LENGTH : _LENGTH + len(text)] = text
        self._memory[:_LENGTH] = len(text).to_bytes(_LENGTH, "little")

    def header(self):
        """None while the next one begins."""
        length = self._memory[:_LENGTH]
        text = self._memory[_LENGTH : _LENGTH + int.from_bytes(length, "little")]
        return json.loads(text) if text and self._memory[:_LENGTH] == length else None


_cell = None


def current_cell():
    """For workers that are forked now: they will know of the cells to come."""
    global _cell
    if _cell is None:
        from IPython import get_ipython

        _cell = _Cell()
        _cell.enter()
        get_ipython().events.register("pre_run_cell", _cell.enter)
    return _cell


class Lines(io.TextIOBase):
    """ipykernel's stream in a forked process. Without a cell all goes to the one in which that was forked."""

    def __init__(self, stream, cell):
        self._stream = stream
        self._cell = cell
        self._held = []
        stream._buffer_lock = threading.RLock()  # another thread may have held it at the fork

    def write(self, text):
        whole, newline, rest = text.rpartition("\n")
        if newline:
            self._held += whole, newline
            self.flush()
        if rest:
            self._held.append(rest)
        return len(text)

    def flush(self):
        if not self._held:
            return
        text, self._held = "".join(self._held), []
        if self._cell is not None and (header := self._cell.header()):
            self._stream.set_parent({"header": header})
        self._stream.write(text)  # which sends it, in a forked process

    def writable(self):
        return True

    def fileno(self):
        return self._stream.fileno()

    def isatty(self):
        return self._stream.isatty()

    @property
    def encoding(self):
        return self._stream.encoding
