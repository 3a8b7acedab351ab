"""Functions and classes by value: what the workers do not have. Their functions use the workers' own ``__main__``."""
import collections
import io
import sys
import types

import cloudpickle

from . import _pickling


def dumps(value, functions, set_apart=None):
    """``set_apart`` is given the buffers of large arrays, which do not go with the pickle then."""
    buffer = io.BytesIO()
    _ByValue(buffer, functions, set_apart).dump(value)
    return buffer.getvalue()


class _MainNamespace:
    def __reduce__(self):
        return _main_namespace, ()


def _main_namespace():
    return vars(sys.modules["__main__"])


def _reduce_code(code):
    # Versions of cloudpickle differ in whether they keep the name of the file, without which no traceback has lines.
    make, arguments = cloudpickle.Pickler.dispatch_table[types.CodeType](code)
    return _make_code, (make, arguments, code.co_filename)


def _make_code(make, arguments, file_name):
    return make(*arguments).replace(co_filename=file_name)


class _ByValue(cloudpickle.Pickler):
    """By value what the workers do not have; their functions use their own __main__."""

    dispatch_table = collections.ChainMap({types.CodeType: _reduce_code}, cloudpickle.Pickler.dispatch_table)

    def __init__(self, buffer, functions, set_apart):
        super().__init__(buffer, _pickling.PROTOCOL, set_apart)
        self._functions = functions

    def reducer_override(self, definition):
        if (
            isinstance(definition, (types.FunctionType, type))
            and definition.__module__ == "__main__"
            and not self._functions.is_new(definition)
        ):
            return NotImplemented  # by reference
        return super().reducer_override(definition)

    def _dynamic_function_reduce(self, func):
        make, (code, namespace, *others), (attributes, slots), *rest = super()._dynamic_function_reduce(func)
        if self._functions.is_main(func.__globals__):
            namespace = _MainNamespace()
            slots = {**slots, "__globals__": self._functions.changed_data(slots["__globals__"])}
        return make, (code, namespace, *others), (attributes, slots), *rest
