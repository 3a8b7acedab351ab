"""Functions and classes by value: what the workers do not have. Their functions use the workers' own ``__main__``."""
import collections
import functools
import io
import sys
import types
from multiprocessing.reduction import ForkingPickler

import cloudpickle

from . import _exceptions
from ._definitions import AtHome, Cached, found_by, main_namespace


def dumps(value, functions, set_apart=None):
    """``set_apart`` is given the buffers of large arrays, which do not go with the pickle then."""
    return _dump(_ByValue, value, functions, set_apart)


def dumps_data(value, functions, goes_along):
    """An input or a result, as _pickling.dumps gives it; ``goes_along`` is _pickling's."""
    apart = []
    try:
        data = _dump(_Data, value, functions, lambda buffer: goes_along(buffer, apart))
    except Exception:
        left_out = LeftOut(functions, _Data)
        return left_out.dumps(_WithReasons(value, left_out))
    return (data, apart) if apart else data


def dumps_exception(error):
    """Whatever its class is. Attributes that cannot be sent are left out where it cannot be sent with them."""
    try:
        return _dump(_Data, error, AtHome)
    except Exception:
        return LeftOut(AtHome, _Data).dumps(error)


def _dump(kind, value, *arguments):
    buffer = io.BytesIO()
    kind(buffer, *arguments).dump(value)
    return buffer.getvalue()


class _MainNamespace:
    def __reduce__(self):
        return main_namespace, ()


def _reduce_code(code):
    # Versions of cloudpickle differ in whether they keep the name of the file, without which no traceback has lines.
    make, arguments = cloudpickle.Pickler.dispatch_table[types.CodeType](code)
    return _make_code, (make, arguments, code.co_filename)


def _make_code(make, arguments, file_name):
    return make(*arguments).replace(co_filename=file_name)


def _reduce_cached_property(attribute):
    # In some versions it has a lock.
    return _make_cached_property, (attribute.func, attribute.attrname)


def _make_cached_property(function, name):
    attribute = functools.cached_property(function)
    attribute.attrname = name
    return attribute


def _reduce_cached(function):
    state = {name: value for name, value in vars(function).items() if name != "__wrapped__"}
    return _make_cached, (function.__wrapped__, function.cache_parameters()), state


def _make_cached(function, parameters):
    return functools.lru_cache(**parameters)(function)


_DISPATCHER = functools.singledispatch(len).__code__


def _reduce_dispatcher(function):
    return functools.singledispatch, (function.__wrapped__,), dict(function.registry), None, None, _register


def _register(dispatcher, registry):
    for kind, function in registry.items():
        dispatcher.register(kind, function)


class _ByValue(cloudpickle.Pickler):
    """By value what the workers do not have; their functions use their own __main__."""

    dispatch_table = collections.ChainMap(
        {types.CodeType: _reduce_code, functools.cached_property: _reduce_cached_property},
        cloudpickle.Pickler.dispatch_table,
        ForkingPickler._extra_reducers,
    )
    _left_out = None

    def __init__(self, buffer, functions, set_apart=None):
        super().__init__(buffer, _exceptions.PROTOCOL, set_apart)
        self._functions = functions

    def reducer_override(self, value):
        if isinstance(value, (types.FunctionType, type)):
            if value.__module__ == "__main__" and not self._functions.is_new(value):
                return NotImplemented  # by reference
            if getattr(value, "__code__", None) is _DISPATCHER and not self._goes_by_name(value):
                return _reduce_dispatcher(value)
        elif isinstance(value, Cached):
            return NotImplemented if self._goes_by_name(value) else _reduce_cached(value)
        elif isinstance(value, BaseException):
            return _exceptions.reduce(value, self._left_out and self._left_out.can_go)
        return super().reducer_override(value)

    def _goes_by_name(self, value):
        if value.__module__ == "__main__":
            return not self._functions.is_new(value)
        module = sys.modules.get(value.__module__)
        return module is not None and found_by(vars(module).get, value) is value

    def _dynamic_function_reduce(self, func):
        make, (code, namespace, *others), (attributes, slots), *rest = super()._dynamic_function_reduce(func)
        if self._functions.is_main(func.__globals__):
            namespace = _MainNamespace()
            slots = {**slots, "__globals__": self._functions.changed_data(slots["__globals__"])}
        if self._left_out is not None:
            names = slots["__globals__"].items()
            slots = {**slots, "__globals__": {name: value for name, value in names if self._left_out.can_go(value, name)}}
        return make, (code, namespace, *others), (attributes, slots), *rest


class _Data(_ByValue):
    """As cloudpickle has it, an open file would become a copy of what is in it."""

    dispatch_table = collections.ChainMap({io.TextIOWrapper: lambda file: file.__reduce_ex__(2)}, _ByValue.dispatch_table)


class LeftOut:
    """Pickles what can be pickled: globals of functions, and attributes of exceptions, are left out where they cannot.
    A worker that has no such name tells why (_exceptions.reasons)."""

    def __init__(self, functions, kind=_ByValue):
        self._functions = functions
        self._kind = kind
        self._reasons = {}
        self._known = {}  # by identity: whether it can go, and the value, which is kept

    def dumps(self, value):
        buffer = io.BytesIO()
        pickler = self._kind(buffer, self._functions)
        pickler._left_out = self
        pickler.dump(value)
        return buffer.getvalue()

    def can_go(self, value, name=None):
        known = self._known.get(id(value))
        if known is None:
            self._known[id(value)] = True, value  # where it refers to itself
            try:
                self.dumps(value)
                known = True, value
            except Exception as error:
                known = error, value
            self._known[id(value)] = known
        if known[0] is True:
            return True
        if name is not None:
            self._reasons[name] = f"{type(known[0]).__name__}: {known[0]}"
        return False

    def __reduce__(self):
        # Its turn comes last: see _functions._Definitions, and below.
        return dict, (self._reasons,)


class _WithReasons:
    def __init__(self, value, left_out):
        self._value = value
        self._left_out = left_out

    def __reduce__(self):
        return _with_reasons, (self._value, self._left_out)


def _with_reasons(value, reasons):
    _exceptions.reasons.update(reasons)
    return value
