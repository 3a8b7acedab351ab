"""Functions and classes by value: what the workers do not have. Their functions use the workers' own ``__main__``."""
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


class _ByValue(cloudpickle.Pickler):
    """By value what the workers do not have; their functions use their own __main__."""

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
