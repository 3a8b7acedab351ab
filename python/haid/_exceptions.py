"""How exceptions become bytes, and are raised again where somebody waits for them.

An exception's own pickle calls its class with ``args``: wrong where the class has an ``__init__`` of its own, which takes
something else. Here it is made again without that, and gets the attributes that it had.
"""
import copyreg
import io
import pickle
import re
import traceback
import types
from multiprocessing.pool import MaybeEncodingError, RemoteTraceback
from multiprocessing.reduction import ForkingPickler

from . import _haid
from .errors import TaskError

PROTOCOL = 5
SHORTENED = 1 << 16  # characters of an error that is too large

# Why names of __main__ are not in this worker.
reasons = {}


def reduce(error, can_go=None):
    """What the pickle of an exception consists of; NotImplemented: its own. ``can_go`` says which attributes can be
    sent: others are left out; of others in ``args`` there is their text."""
    kind = type(error)
    if not _is_heap_type(kind) or kind in copyreg.dispatch_table or hasattr(kind, "__getnewargs_ex__"):
        return NotImplemented
    if any(_is_heap_type(_class_with(kind, name)) for name in ("__reduce_ex__", "__reduce__")):
        return NotImplemented
    maker = _class_with(kind, "__new__")
    if _is_heap_type(maker) and isinstance(vars(maker)["__new__"], types.BuiltinFunctionType):
        return NotImplemented  # an extension's own, of more than a built-in class would make
    _, args, *state = error.__reduce__()
    state = dict(state[0] or {}) if state else {}
    for name in copyreg._slotnames(kind):
        if hasattr(error, name):
            state[name] = getattr(error, name)
    if can_go is not None:
        args = tuple(value if can_go(value) else repr(value) for value in args)
        state = {name: value for name, value in state.items() if can_go(value)}
    return _make, (kind, args), state or None, None, None, _set_state


_HEAP_TYPE = 1 << 9  # of a class's __flags__: it was made by a class statement


def _is_heap_type(kind):
    return bool(kind.__flags__ & _HEAP_TYPE)


def _class_with(kind, name):
    return next(base for base in kind.__mro__ if name in vars(base))


def _make(kind, args):
    built_in = next(base for base in kind.__mro__ if not _is_heap_type(base))
    error = built_in.__new__(kind, *args)
    built_in.__init__(error, *args)
    return error


def _set_state(error, state):
    if _is_heap_type(_class_with(type(error), "__setstate__")):
        error.__setstate__(state)
        return
    for name, value in state.items():
        try:
            object.__setattr__(error, name, value)  # whatever its class does with an assignment, it has been done
        except AttributeError:
            vars(error)[name] = value


class _Pickler(ForkingPickler):
    def reducer_override(self, value):
        return reduce(value) if isinstance(value, BaseException) else NotImplemented


def dumps(error):
    """Raises why it cannot be sent."""
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, PROTOCOL).dump(error)
        return buffer.getvalue()
    except Exception:
        from . import _by_value

        return _by_value.dumps_exception(error)


def describe(error):
    """An exception for restore(). A pair is why a result could not be pickled, and that result."""
    if isinstance(error, tuple):
        error = MaybeEncodingError(*error)
    _explain(error)
    name = type(error).__qualname__
    if type(error).__module__ != "builtins":
        name = f"{type(error).__module__}.{name}"
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    message = _text_of(error)
    error.with_traceback(None)
    try:
        value = dumps(error)
    except Exception as why:
        value = None
        text += f"\n{_could_not_cross(why)}"
    described = pickle.dumps((name, message, text, value), PROTOCOL)
    if len(described) <= _haid.LARGEST_ERROR:
        return described
    return pickle.dumps((name, message[:SHORTENED], text[-SHORTENED:], _shortened(error, message)), PROTOCOL)


def _text_of(error):
    try:
        return str(error)
    except Exception:
        return "(its text could not be made)"


def _could_not_cross(why):
    return f"(The exception itself could not cross: {type(why).__name__}: {_text_of(why)[:SHORTENED]})\n"


def _shortened(error, message):
    """The same error with less to say, where a message is all that it consists of."""
    try:
        if error.args != (message,):
            return None
        error.args = (message[:SHORTENED],)
        value = dumps(error)
        return value if len(value) <= _haid.LARGEST_ERROR // 2 else None
    except Exception:
        return None


def _explain(error):
    """Adds to its text why a name of __main__ is not there."""
    if isinstance(error, NameError):
        name, where = error.name, "__main__"
    elif isinstance(error, AttributeError) and (found := _NOT_THERE.match(str(error))):
        name, where = found[1].split(".")[0], found[2]
    else:
        return
    if reason := reasons.get(name):
        error.args = (f"{error} ('{name}' did not go to the worker: {reason})",)
    elif where == "__mp_main__":
        error.args = (f"{error} ({_GUARDED})",)


_NOT_THERE = re.compile(r"Can't get attribute '([^']+)' on <module '(__main__|__mp_main__)'")
_GUARDED = (
    "the worker has imported the program's main module anew, in which what stands below "
    'if __name__ == "__main__": is not defined; define it above'
)


def restore(described):
    """The exception, with the traceback of where it was raised as its cause."""
    name, message, text, value = pickle.loads(described)
    error = None
    if value is not None:
        try:
            error = pickle.loads(value)
        except Exception as why:
            text += f"\n{_could_not_cross(why)}"
    if not isinstance(error, Exception):
        error = TaskError(name, message)
    # As _set_state: some classes allow no assignment.
    object.__setattr__(error, "__cause__", RemoteTraceback(f'\n"""\n{text}"""'))
    return error
