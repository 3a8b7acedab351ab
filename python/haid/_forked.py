"""Children that are forked, with less to copy than multiprocessing's have.

All that a start touches is copied page by page, in the parent and in the child. So all children see the end of their
parent by one pipe, and nothing but the Popen itself closes what it holds.
"""
import atexit
import os
import sys
from multiprocessing import popen_fork, util

from . import _processes, _threads_of_others


class Popen(popen_fork.Popen):
    sentinel = None
    poll = _processes.poll

    def _launch(self, process_obj):
        _threads_of_others.warn()
        parent_sentinel = _processes.sentinel_for_children()
        end_of_parent, end_of_child = _processes.pipe()
        parent = os.getpid()
        try:
            self.pid = os.fork()
        except BaseException:
            if os.getpid() != parent:  # a signal that came at once; what the parent does about it is done there
                try:
                    sys.excepthook(*sys.exc_info())
                finally:
                    os._exit(1)
            os.close(end_of_parent)
            os.close(end_of_child)
            raise
        if self.pid == 0:
            code = 1
            try:
                if _processes.FORKED_RUN_ATEXIT:
                    atexit._clear()
                    atexit.register(util._exit_function)
                os.close(end_of_parent)
                code = process_obj._bootstrap(parent_sentinel=parent_sentinel)
            finally:
                try:
                    if _processes.FORKED_RUN_ATEXIT:
                        atexit._run_exitfuncs()
                finally:
                    os._exit(code)
        os.close(end_of_child)
        self.sentinel, self._owner = end_of_parent, os.getpid()

    def close(self, *, close=os.close, getpid=os.getpid):
        if self.sentinel is not None and self._owner == getpid():
            close(self.sentinel)
        self.sentinel = None

    __del__ = close
