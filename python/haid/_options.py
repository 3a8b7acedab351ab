"""What can be said of a pool, and of a call: one signature of each for all who take it (Pool and the contexts, the executor,
joblib's backend). How they are typed is said in pool.pyi."""
import operator

from ._haid import check_pool

MOST_TASKS = 2**63 - 1
MOST_RETRIES = 2**32 - 1
FOR_EVER = 3e9  # seconds


class PoolOptions:
    """As Pool takes them. ``numbers``: those that the engine is told, by the names of PoolOptions in haid/options.hpp."""

    def __init__(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, nodes=None, nice=0, **unknown):
        refuse(unknown, "a pool", self.names())
        if processes is not None and whole_number("processes", processes) < 1:
            raise ValueError("Number of processes must be at least 1")
        if maxtasksperchild is not None and (not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0):
            raise ValueError("maxtasksperchild must be a positive int or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self.initializer = initializer
        self.initargs = initargs
        self.nodes = nodes
        self.numbers = {
            "workers": whole_number("processes", processes or 0),
            "tasks_per_worker": min(maxtasksperchild or 0, MOST_TASKS),
            "nice": whole_number("nice", nice),
        }
        check_pool(self.numbers)

    @classmethod
    def names(cls):
        code = cls.__init__.__code__
        return code.co_varnames[1:code.co_argcount]


def limits(timeout=None, retries=0, backoff=0.1, **unknown):
    """What holds for each item of a call, as the engine takes it."""
    refuse(unknown, "a task", limit_names())
    if timeout is not None and not _seconds("timeout", timeout) > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    retries = whole_number("retries", retries)
    if retries < 0 or not _seconds("backoff", backoff) >= 0:
        raise ValueError("retries and backoff cannot be negative")
    return min(timeout or 0.0, FOR_EVER), min(retries, MOST_RETRIES), min(backoff, FOR_EVER)


def limit_names():
    return limits.__code__.co_varnames[:limits.__code__.co_argcount]


def refuse(unknown, whose, names):
    if unknown:
        *first, last = names
        raise TypeError(f"there is no option {next(iter(unknown))!r}: {whose} has {', '.join(first)} and {last}")


def whole_number(name, value):
    try:
        return operator.index(value)
    except TypeError:
        hint = f": int({value!r}) is one" if isinstance(value, str) and value.strip().isdecimal() else ""
        raise TypeError(f"{name} must be a whole number, not {value!r}{hint}") from None


def _seconds(name, value):
    if isinstance(value, str):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    return value


NO_LIMITS = limits()
