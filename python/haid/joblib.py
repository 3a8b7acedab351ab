"""joblib's Parallel on haid's workers.

    haid.joblib.register()
    with joblib.parallel_config(backend="haid"):
        joblib.Parallel(n_jobs=2)(joblib.delayed(fit)(seed) for seed in seeds)

What Pool and its calls take goes with it: parallel_config(backend="haid", retries=2, initializer=read).
"""
import contextlib
import os
import pickle
import threading

from joblib.parallel import AutoBatchingMixin, FallbackToBackend, ParallelBackendBase, SequentialBackend
from joblib.parallel import register_parallel_backend

from . import _by_value
from ._haid import as_item, cpu_count
from ._options import PoolOptions, limit_names
from .errors import PoolClosed
from .pool import Pool

__all__ = ["Backend", "register"]


def register(name: str = "haid", make_default: bool = False) -> None:
    """Makes the backend known to joblib."""
    register_parallel_backend(name, Backend, make_default)


class Backend(AutoBatchingMixin, ParallelBackendBase):
    """A Pool for each Parallel, or for a with-block of one. Its workers are copies of what the program is then.

    A worker that dies costs its batch: Parallel raises haid.WorkerLost. Each has one thread for OpenMP and its kin,
    unless inner_max_num_threads says otherwise (see "Threads and OpenMP" in docs/python.md).
    """

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True
    _pool = None
    _calls = 0

    def effective_n_jobs(self, n_jobs):
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(cpu_count() + 1 + n_jobs, 1)

    def configure(self, n_jobs=1, parallel=None, prefer=None, require=None, **settings):
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        settings = {**self.backend_kwargs, **settings}
        self._limits = {name: settings[name] for name in limit_names() if name in settings}
        of_pool = {name: settings[name] for name in PoolOptions.names() if name in settings}
        with _budget(n_jobs * (self.inner_max_num_threads or 1)):
            self._pool = Pool(n_jobs, **of_pool)
        return n_jobs

    def start_call(self):
        self._calls = 0  # of functions, that were handed out

    def submit(self, func, callback=None):
        pool = self._pool
        first, self._calls = self._calls, self._calls + len(func)
        try:
            return pool.apply_async(_run, (_Batch(func, pool._functions), first), {}, callback, callback, **self._limits)
        except (AttributeError, PoolClosed):
            if self._pool is pool is not None:
                raise
            return None  # another thread has just ended it

    def retrieve_result_callback(self, out):
        if isinstance(out, BaseException):
            raise out
        return out

    def terminate(self):
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready=True):
        self.terminate()
        if ensure_ready:
            self.configure(self.parallel.n_jobs, self.parallel, **self.parallel._backend_kwargs)


class _Batch:
    """Calls for a worker: functions by value where it does not have them, large arrays as they are."""

    def __init__(self, calls, functions):
        self._calls = calls
        self._functions = functions

    def __reduce__(self):
        parts = []
        return _restore, (_by_value.dumps(self._calls, self._functions, parts.append), parts)


def _restore(data, parts):
    return pickle.loads(data, buffers=parts)


def _run(batch, first):
    # How many calls make a batch depends on the time that they take: it is the call that is an item, not the batch.
    batch.items = [(as_item, (first + number, *call), {}) for number, call in enumerate(batch.items)]
    return batch()


_environment = threading.Lock()
os.register_at_fork(after_in_child=_environment._at_fork_reinit)  # workers are forked while it is held


@contextlib.contextmanager
def _budget(cpus):
    """For workers that are forked meanwhile: what all of them may use together."""
    with _environment:
        before = os.environ.get("HAID_CPUS")
        os.environ["HAID_CPUS"] = str(min(cpus, cpu_count()))
        try:
            yield
        finally:
            if before is None:
                del os.environ["HAID_CPUS"]
            else:
                os.environ["HAID_CPUS"] = before
