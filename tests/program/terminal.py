"""The program in a pseudo-terminal, and what a person would see there."""

import fcntl
import os
import struct
import subprocess
import termios
import threading

from support import TIME_LIMIT, wait_until


class Terminal:
    """Runs a command whose controlling terminal is a new pseudo-terminal, and collects what it prints there."""

    def __init__(self, program, *arguments, width=100, height=40, before=(), **options):
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        options = {"stdin": slave, "stdout": slave, "stderr": slave, **options}
        # One's own terminal has to be taken in the new process: nothing else does it.
        self.process = program.start_command(
            program.command(arguments, before),
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
            pass_fds=[slave],
            **options,
        )
        os.close(slave)
        self.program = program
        self.data = b""
        self.width = width
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # EIO: nobody has the terminal open any more
                return
            if not piece:
                return
            self.data += piece

    def type(self, keys):
        os.write(self.master, keys)

    def wait_for(self, text):
        wait_until(lambda: text in self.data, f"{text!r} on the terminal")

    def finish(self):
        """Waits for the end; returns the exit status. The terminal's bytes are in `data` then."""
        try:
            status = self.process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            self.program.finish(self.process, time_limit=0)
        self.reader.join(TIME_LIMIT)
        os.close(self.master)
        return status

    @property
    def lines(self):
        return screen(self.data, self.width)


def screen(data, width=None):
    """The lines that remain on a terminal: \\r goes to the start of the line, ESC [K wipes the rest of it, and what comes
    after the last column goes on in a new line."""
    lines, column = [""], 0
    text = data.decode(errors="replace").replace("\033[K", "\0")
    for character in text:
        line = lines[-1]
        if character == "\r":
            column = 0
        elif character == "\n":
            lines.append("")
            column = 0
        elif character == "\0":
            lines[-1] = line[:column]
        else:
            if column == width:
                lines.append("")
                line, column = "", 0
            lines[-1] = line[:column].ljust(column) + character + line[column + 1 :]
            column += 1
    return lines if lines[-1] else lines[:-1]
