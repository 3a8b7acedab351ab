"""Children that are spawned: multiprocessing's, but for how they are found to have ended."""
from multiprocessing import popen_spawn_posix

from . import _processes


class Popen(popen_spawn_posix.Popen):
    poll = _processes.poll
