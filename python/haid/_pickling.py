"""How values and exceptions become bytes, where the extension module does not do it by itself."""
import io
import pickle
import traceback
from multiprocessing.pool import MaybeEncodingError, RemoteTraceback
from multiprocessing.reduction import ForkingPickler

from . import _haid
from .errors import TaskError

PROTOCOL = 5
SMALLEST_PART = 16 * 1024  # bytes
SHORTENED = 1 << 16  # characters of an error that is too large


class _Pickler(ForkingPickler):
    """One that is used again: making it costs more than most values do."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.apart = []
        super().__init__(self.buffer, PROTOCOL, True, self._set_apart)

    def _set_apart(self, buffer):
        """Whether a buffer (of an array) goes with the pickle. A large one does not: it is copied once, not twice."""
        if buffer.raw().nbytes < SMALLEST_PART:
            return True
        self.apart.append(buffer)
        return False


_idle = []


def dumps(value):
    """The value as multiprocessing pickles it; with what was set apart, if anything was. Every call has a memo of its
    own: values do not share anything."""
    pickler = _idle.pop() if _idle else _Pickler()
    pickler.dump(value)
    pickler.clear_memo()
    buffer = pickler.buffer
    data = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    # One whose pickling has failed is not used again: something is in its buffer.
    apart, pickler.apart = pickler.apart, []
    _idle.append(pickler)
    return (data, apart) if apart else data


def dumps_whole(value):
    """As one piece."""
    return bytes(ForkingPickler.dumps(value, PROTOCOL))


def describe(error):
    """An exception for restore(). A pair is why a result could not be pickled, and that result."""
    if isinstance(error, tuple):
        error = MaybeEncodingError(*error)
    name = type(error).__qualname__
    if type(error).__module__ != "builtins":
        name = f"{type(error).__module__}.{name}"
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        message = str(error)
    except Exception:
        message = "(its text could not be made)"
    error.__traceback__ = None
    try:
        value = dumps_whole(error)
    except Exception:
        value = None
    described = pickle.dumps((name, message, text, value), PROTOCOL)
    if len(described) <= _haid.LARGEST_ERROR:
        return described
    return pickle.dumps((name, message[:SHORTENED], text[-SHORTENED:], _shortened(error, message)), PROTOCOL)


def _shortened(error, message):
    """The same error with less to say, where a message is all that it consists of."""
    try:
        return dumps_whole(type(error)(message[:SHORTENED])) if error.args == (message,) else None
    except Exception:
        return None


def restore(described):
    """The exception, with the traceback of where it was raised as its cause."""
    name, message, text, value = pickle.loads(described)
    error = None
    if value is not None:
        try:
            error = pickle.loads(value)
        except Exception:
            pass
    if not isinstance(error, Exception):
        error = TaskError(name, message)
    error.__cause__ = RemoteTraceback(f'\n"""\n{text}"""')
    return error


_haid.use_pickling(dumps, pickle.loads, describe, restore)
