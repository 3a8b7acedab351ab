"""What the contestants run in their workers: an importable module, as every one of them takes it."""
import functools

ARRAY_BYTES = 32_000_000


def f(x):
    return x


def size_of(array):
    """Reads a number of each page, so that no memory is left for later."""
    return float(array[::512].sum())


@functools.cache
def make(_):
    """An array that is there already, but for the first time."""
    import numpy

    return numpy.ones(ARRAY_BYTES // 8)
