"""What is said to those whose workers draw random numbers from copies of one generator."""
import functools
import warnings


def warn(function):
    """In the worker that was seen to. It names the place of the function that it ran."""
    while isinstance(function, functools.partial):
        function = function.func
    code = getattr(function, "__code__", None)
    place = (code.co_filename, code.co_firstlineno) if code else ("haid", 0)
    warnings.warn_explicit(
        "numpy's global generator (numpy.random.rand, .seed, …) was copied into each worker when these were forked: all "
        "of them draw the same numbers, and what an item gets depends on its worker. Draw from a stream for each item: "
        "random = haid.stream(seed) within the function", RuntimeWarning, *place)
