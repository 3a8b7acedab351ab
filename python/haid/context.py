"""Start methods and what belongs to them, with the names of multiprocessing.context.

There is one start method in a program: haid.set_start_method and multiprocessing.set_start_method set the same.

Pools of a program that has not chosen any are those of "fork".
"""
from multiprocessing import context as _standard

from ._processes import EndsWithParent, kept_to_this_process


class Process(EndsWithParent, _standard.Process):
    @staticmethod
    def _Popen(process_obj):
        return _default_context.get_context().Process._Popen(process_obj)


class ForkProcess(EndsWithParent, _standard.ForkProcess):
    @staticmethod
    def _Popen(process_obj):
        from ._forked import Popen  # here, as what follows: see _LATER in __init__.py

        ForkProcess._Popen = staticmethod(Popen)  # to import it once more would touch much
        return Popen(process_obj)


class SpawnProcess(EndsWithParent, _standard.SpawnProcess):
    @staticmethod
    def _Popen(process_obj):
        from ._spawn import Popen

        return kept_to_this_process(Popen(process_obj))


class ForkServerProcess(EndsWithParent, _standard.ForkServerProcess):
    @staticmethod
    def _Popen(process_obj):
        return kept_to_this_process(_standard.ForkServerProcess._Popen(process_obj))


class BaseContext(_standard.BaseContext):
    def get_context(self, method=None):
        return self if method is None else _ours(super().get_context(method))

    def cpu_count(self):
        """How many CPUs this process may use."""
        from . import _haid

        return _haid.cpu_count()

    def Lock(self):
        """A lock that is not lost with a process that ends while it holds it."""
        from . import synchronize

        return synchronize.Lock(ctx=self.get_context())

    def RLock(self):
        from . import synchronize

        return synchronize.RLock(ctx=self.get_context())

    def Semaphore(self, value=1):
        """A semaphore that gets back what a process that ended had taken of it with `with`."""
        from . import synchronize

        return synchronize.Semaphore(value, ctx=self.get_context())

    def BoundedSemaphore(self, value=1):
        from . import synchronize

        return synchronize.BoundedSemaphore(value, ctx=self.get_context())

    def Queue(self, maxsize=0):
        """A queue whose items stay whole, or that says that it is broken, whoever of those that use it is killed."""
        from . import queues

        return queues.Queue(maxsize, ctx=self.get_context())

    def JoinableQueue(self, maxsize=0):
        from . import queues

        return queues.JoinableQueue(maxsize, ctx=self.get_context())

    def SimpleQueue(self):
        from . import queues

        return queues.SimpleQueue(ctx=self.get_context())

    def Pool(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, **options):
        """A pool of worker processes."""
        from .pool import Pool

        return Pool(processes, initializer, initargs, maxtasksperchild, context=self, **options)


class ForkContext(BaseContext, _standard.ForkContext):
    Process = ForkProcess


class SpawnContext(BaseContext, _standard.SpawnContext):
    Process = SpawnProcess


class ForkServerContext(BaseContext, _standard.ForkServerContext):
    Process = ForkServerProcess


class DefaultContext(BaseContext):
    """The context of the start method that the program has chosen."""

    Process = Process

    def get_context(self, method=None):
        return _ours(_standard._default_context.get_context(method))

    def get_start_method(self, allow_none=False):
        return _standard._default_context.get_start_method(allow_none)

    def set_start_method(self, method, force=False):
        _standard._default_context.set_start_method(method, force)

    def get_all_start_methods(self):
        return _standard._default_context.get_all_start_methods()


_concrete_contexts = {"fork": ForkContext(), "spawn": SpawnContext(), "forkserver": ForkServerContext()}
_default_context = DefaultContext()


def _ours(context):
    """Those that others have registered (loky) are theirs."""
    return _concrete_contexts.get(context.get_start_method(), context)


def __getattr__(name):
    return getattr(_standard, name)
