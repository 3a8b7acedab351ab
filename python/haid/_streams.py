"""Random numbers that are the same whatever the workers: each item of a call has a stream of its own."""
import operator
import random

from . import _haid

__all__ = ["item_index", "stream"]


def item_index():
    """The index of the item that this thread runs: its place among the inputs of its call, from 0. Calls of apply and
    apply_async are items of their pool, which counts them from 0. None where no item runs."""
    return _haid.item_index()


def stream(seed, index=None):
    """The random numbers of the item of a call that runs here, or of item ``index``: the same with every run, whatever
    the workers, chunks, retries, nodes and order.

    A numpy.random.Generator where numpy is installed, the one of numpy.random.SeedSequence(seed).spawn(n)[index];
    else random.Random(f"{seed}:{index}"). ``seed`` is a whole number, not negative, or a sequence of such
    (for random.Random they are joined by commas).

    An item's index is its place among the inputs of its call, from 0 (haid.item_index()). Two calls with the same seed
    give items of the same index the same numbers: take [seed, 1] and [seed, 2] where that is not meant. Calls of apply
    and apply_async, and of an executor's submit, are items of their pool, which counts them from 0.

    Raises RuntimeError where no item runs and no index is given: in the program itself, a Process, an initializer, and
    in threads and processes that an item has started.
    """
    numbers = _numbers(seed)
    index = _index(index)
    try:
        import numpy
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise  # it is there, and broken: other numbers than on other machines would be wrong
        return random.Random(f"{','.join(map(str, numbers))}:{index}")
    return numpy.random.default_rng(numpy.random.SeedSequence(numbers, spawn_key=(index,)))


def _index(index):
    if index is None:
        index = item_index()
        if index is None:
            raise RuntimeError("no item of a call runs here, so there is no index that tells its random numbers from "
                               "those of others: give one, haid.stream(seed, index)")
        return index
    return _whole("index", index)


def _numbers(seed):
    if isinstance(seed, (str, bytes)) or not hasattr(seed, "__iter__"):
        return [_whole("seed", seed)]
    numbers = [_whole("seed", number) for number in seed]
    if not numbers:
        raise ValueError("seed must not be empty")
    return numbers


def _whole(name, value):
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number{' or a sequence of them' * (name == 'seed')}, "
                        f"not {value!r}") from None
    if number < 0:
        raise ValueError(f"{name} cannot be negative, and is {number}")
    return number
