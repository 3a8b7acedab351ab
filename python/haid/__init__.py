"""haid: multiprocessing on every core, that never hangs.

    import haid as mp

and what was written for multiprocessing runs.
"""
from multiprocessing import *  # noqa: F401,F403

from . import _haid, _pickling
from .errors import PoolClosed, PoolError, TaskError, TimeoutError, WorkerLost  # noqa: F401
from .pool import Pool, ThreadPool  # noqa: F401

cpu_count = _haid.cpu_count
_haid.use_pickling(_pickling.dumps, _pickling.loads, _pickling.describe, _pickling.restore)
