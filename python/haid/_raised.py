"""How what a function has raised becomes bytes, and is raised again where somebody waits for it."""
import io
import pickle
import re
import traceback
from multiprocessing.pool import MaybeEncodingError, RemoteTraceback
from multiprocessing.reduction import ForkingPickler

from . import _exceptions, _haid
from ._exceptions import PROTOCOL
from .errors import TaskError

SHORTENED = 1 << 16  # characters of an error that is too large


class _Pickler(ForkingPickler):
    def reducer_override(self, value):
        return _exceptions.reduce(value) if isinstance(value, BaseException) else NotImplemented


def dumps(error):
    """Raises why it cannot be sent."""
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, PROTOCOL).dump(error)
        return buffer.getvalue()
    except Exception:
        from . import _by_value  # here: see _functions.py

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
    if reason := _exceptions.reasons.get(name):
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
    # As _exceptions._set_state: some classes allow no assignment.
    object.__setattr__(error, "__cause__", RemoteTraceback(f'\n"""\n{text}"""'))
    return error
