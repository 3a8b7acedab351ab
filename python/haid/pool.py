"""Pools of worker processes, with the interface of multiprocessing.pool."""
import functools
import itertools
import operator
import warnings
from multiprocessing import pool as _standard
from multiprocessing import util
from multiprocessing.pool import CLOSE, RUN, TERMINATE, MaybeEncodingError, RemoteTraceback

from . import _options, _scarcity, _threads_of_others, _worker
from ._callbacks import Callbacks
from ._functions import Functions
from ._haid import Order, Spread, spans_nodes
from ._progress import show_until_done
from ._results import BOUND, AsyncResult, IMapIterator, iterate, read_to_their_ends
from .errors import PoolClosed

__all__ = ["AsyncResult", "IMapIterator", "MaybeEncodingError", "Pool", "RemoteTraceback", "ThreadPool"]

MOST_FUNCTIONS = 1000  # that are remembered


class Pool(_standard.Pool):
    """Worker processes that run functions on many inputs: multiprocessing.Pool, and more.

    Functions may be lambdas, closures, and defined after the pool was made. ``map``, ``starmap``, ``imap``, ``apply``
    and their variants also take, as keywords: ``timeout`` (seconds that one item may take; its worker is ended then,
    and the item fails with haid.TimeoutError), ``retries`` (how often an item that has failed is tried again) and
    ``backoff`` (seconds before the first retry; doubled for each further one); those that wait and those that iterate
    also ``progress=True`` (a bar of tqdm).

    A worker that dies costs the item that it ran, which fails with haid.WorkerLost. The workers end with this process,
    however it ends.

    With ``nodes="slurm"`` they are on all nodes of the Slurm job, ``processes`` on each (as many as CPUs may be used
    there). They import the program's main module anew, as with the start method "spawn". Where a node is lost, its
    items run elsewhere.

    With ``nice=10`` (1 to 19) they leave the CPUs to whoever wants them: it is added to the niceness of each.
    """

    def __init__(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, context=None, **options):
        options = _options.PoolOptions(processes, initializer, initargs, maxtasksperchild, **options)
        util._flush_std_streams()
        try:
            self._start(options, context)
        except OSError as error:
            raise _scarcity.named(error, "a pool") from None
        self._processes = self._engine.workers()
        self._initargs = initargs  # locks that are sent by name lose it when they go
        self._numbers_of_functions = {}
        self._numbers = itertools.count(1)
        self._singles = itertools.count()  # indices of calls that are an item each
        self._lazy = []  # calls that read their input as their results are taken, and their locks
        self._state = RUN
        self._callbacks = Callbacks(self._engine)
        self._finalizer = util.Finalize(self, _terminate, args=(self._engine, self._callbacks, self._is_watched), exitpriority=15)

    _daemonic = True  # what its workers say of themselves
    _is_watched = False  # somebody wants to know of its workers' ends

    def _start(self, options, context):
        if options.nodes is not None and spans_nodes(options.nodes):
            from ._nodes import engine_on

            self._engine, self._functions = engine_on(options)
        else:
            how = _worker
            method = context and context.get_start_method(allow_none=True)
            if method not in (None, "fork"):
                from . import _spawned as how
            else:
                _threads_of_others.warn()
            self._functions = Functions(how is _worker or how.has_main())
            self._is_watched = _worker.is_wrapped() or _worker.is_exit_replaced()
            self._engine = _worker.engine(options.numbers, options.initializer, options.initargs, how, method,
                                          self._daemonic)

    # -- calls

    def map(self, func, iterable, chunksize=None, progress=False, **limits):
        """func of every item, in order. Waits."""
        return self._collect(func, iterable, Spread.ITEM, progress, limits)

    def starmap(self, func, iterable, chunksize=None, progress=False, **limits):
        """func(*item) of every item, in order. Waits."""
        return self._collect(func, iterable, Spread.TUPLE, progress, limits)

    def map_async(self, func, iterable, chunksize=None, callback=None, error_callback=None, **limits):
        return self._collect_later(func, iterable, Spread.ITEM, callback, error_callback, limits)

    def starmap_async(self, func, iterable, chunksize=None, callback=None, error_callback=None, **limits):
        return self._collect_later(func, iterable, Spread.TUPLE, callback, error_callback, limits)

    def apply(self, func, args=(), kwds={}, **limits):
        """func(*args, **kwds) in a worker. Waits."""
        call = tuple(args), dict(kwds) if kwds else None
        return self._collect(func, [call], Spread.CALL, False, limits, next(self._singles))[0]

    def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None, **limits):
        return self._apply_later(next(self._singles), func, args, kwds, callback, error_callback, limits)

    def _apply_later(self, index, func, args, kwds, callback, error_callback, limits):
        result = AsyncResult(self, single=True)
        call = tuple(args), dict(kwds) if kwds else None
        self._start_later(result, func, Spread.CALL, callback, error_callback, iter((call,)), limits, index)
        return result

    def imap(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        """The results in the order of the inputs, lazily: no more than ``buffersize`` inputs are read and not yet
        taken as results, so that an endless input works. After close() the rest is read without a bound. What has no
        length (a generator, a file) is read by a thread, so an input may wait for something, also for earlier results."""
        return self._iterate(func, iterable, chunksize, Order.INPUTS, buffersize, progress, limits)

    def imap_unordered(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        """The results as they come, lazily."""
        return self._iterate(func, iterable, chunksize, Order.AS_THEY_COME, buffersize, progress, limits)

    def istarmap(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        """As imap, func(*item) of every item."""
        return self._iterate(func, iterable, chunksize, Order.INPUTS, buffersize, progress, limits, Spread.TUPLE)

    def istarmap_unordered(self, func, iterable, chunksize=1, buffersize=None, progress=False, **limits):
        """As imap_unordered, func(*item) of every item."""
        return self._iterate(func, iterable, chunksize, Order.AS_THEY_COME, buffersize, progress, limits, Spread.TUPLE)

    def _call(self, func, spread, limits, order=Order.WHOLE, input=None, bound=BOUND, background=False,
              completion=None, first_index=0):
        self._check_running()
        pickled, may_keep = self._functions.dumps(func)
        number = self._number_of(pickled) if may_keep else 0
        timeout, retries, backoff = limits
        call = self._engine.call(pickled, number, spread, order, input, bound, timeout, retries, backoff, background,
                                 completion, first_index)
        call.pickle_inputs_by(self._functions.dumps_input)
        return call

    def _number_of(self, pickled):
        known = self._numbers_of_functions
        if len(known) >= MOST_FUNCTIONS:
            known.clear()
        return known.get(pickled) or known.setdefault(pickled, next(self._numbers))

    def _collect(self, func, iterable, spread, progress, limits, first_index=0):
        call = self._call(func, spread, _options.limits(**limits), input=iter(iterable), first_index=first_index)
        try:
            call.feed_all()
            if progress:
                show_until_done(call, operator.length_hint(iterable) or None, func)
            call.wait(None)
            return call.take_all()
        except Exception:
            call.give_up()
            raise
        except BaseException:
            call.stop()  # Ctrl-C: the workers are wanted for what comes next
            raise
        finally:
            del call  # an error refers to this frame: whoever keeps one does not keep all results

    def _collect_later(self, func, iterable, spread, callback, error_callback, limits):
        result = AsyncResult(self)
        self._start_later(result, func, spread, callback, error_callback, iter(iterable), limits)
        return result

    def _start_later(self, result, func, spread, callback, error_callback, input, limits, first_index=0):
        self._check_running()
        limits = _options.limits(**limits)  # a mistake in them is none of the task's
        completion = None
        if callback or error_callback:
            completion = self._callbacks.expect(result, callback, error_callback)
        try:
            call = self._call(func, spread, limits, input=input, background=True, completion=completion,
                              first_index=first_index)
        except Exception as error:
            result._fail(error)
            if completion is not None:
                self._callbacks.tell_soon(completion)
            return
        result._call = call
        call.feed_all()
        del call  # as in _collect

    def _iterate(self, func, iterable, chunksize, order, buffersize, progress, limits, spread=Spread.ITEM):
        def call(items):
            return self._call(func, spread, _options.limits(**limits), order, items, buffersize or BOUND)

        return iterate(self, call, func, iterable, chunksize, progress)

    # -- the end

    def close(self):
        """No more calls. Those that were made go on."""
        if self._state == RUN:
            self._state = CLOSE
        self._engine.close()

    def terminate(self):
        """Ends the workers now."""
        self._state = TERMINATE
        self._finalizer()

    def join(self):
        """After close() or terminate(): waits until everything is done and the workers have ended."""
        if self._state == RUN:
            raise ValueError("Pool is still running")
        if self._state == CLOSE:
            read_to_their_ends(self)
        self._engine.join()
        self._callbacks.join()

    def __enter__(self):
        self._check_running()
        return self

    def __exit__(self, *_):
        self.terminate()

    def __del__(self, _warn=warnings.warn):
        if getattr(self, "_state", None) == RUN:
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    def __reduce__(self):
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    def __repr__(self):
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"<{name} state={self._state} pool_size={self._processes}>"

    def _check_running(self):
        if self._state != RUN:
            raise PoolClosed

    # -- what programs use of multiprocessing's, though it is not documented

    @property
    def _pool(self):
        return [_worker.Running(pid) for pid in self._engine.worker_pids()]

    def _repopulate_pool(self):
        pass  # the engine replaces its workers

    @functools.cached_property
    def _cache(self):
        return {}  # results that are made by who reaches for _taskqueue

    @property
    def _taskqueue(self):
        return _TaskQueue(self)


class _TaskQueue:
    """For recipes that add a method to Pool (istarmap above all) and put into this what makes tasks."""

    def __init__(self, pool):
        self._pool = pool

    def put(self, job):
        """Starts all of its tasks, where multiprocessing leaves that to a thread."""
        tasks, set_length = job
        count = 0
        for result, number, func, args, kwds in tasks:
            told = functools.partial(self._tell, result, number)
            self._pool.apply_async(func, args, kwds, functools.partial(told, True), functools.partial(told, False))
            count += 1
        if set_length is not None:
            set_length(count)

    def _tell(self, result, number, success, value):
        if result in self._pool._cache:
            self._pool._cache[result]._set(number, (success, value))


def _terminate(engine, callbacks, is_watched):
    try:
        if is_watched and engine.is_idle():  # who is ended by a signal ends unseen
            engine.close()
            engine.join()
    finally:
        engine.terminate()
    # A thread that waits in the extension module must not be there any more when the interpreter ends.
    callbacks.join()


# Names that multiprocessing has, too.
ApplyResult = MapResult = AsyncResult
IMapUnorderedIterator = IMapIterator


def __getattr__(name):
    if name == "ThreadPool":
        from ._threads import ThreadPool

        return ThreadPool
    return getattr(_standard, name)
