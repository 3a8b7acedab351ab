"""How values become bytes, where the extension module does not do it by itself."""
import io
import pickle
from multiprocessing.reduction import ForkingPickler

from . import _haid
from ._definitions import AtHome
from ._exceptions import PROTOCOL
from ._raised import describe, restore

SMALLEST_PART = 16 * 1024  # bytes


class _Pickler(ForkingPickler):
    """One that is used again: making it costs more than most values do."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.apart = []
        super().__init__(self.buffer, PROTOCOL, True, self._set_apart)

    def _set_apart(self, buffer):
        return goes_along(buffer, self.apart)


def goes_along(buffer, apart):
    """Whether a buffer (of an array) goes with the pickle. A large one does not: it is copied once, not twice."""
    if buffer.raw().nbytes < SMALLEST_PART:
        return True
    apart.append(buffer)
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


def by_value(value, functions):
    """As dumps(), for processes that have the ``functions`` (a Functions or AtHome); by value what has no name there."""
    from . import _by_value

    return _by_value.dumps_data(value, functions, goes_along)


def dumps_result(value):
    if not isinstance(value, BaseException):
        try:
            return dumps(value)
        except RecursionError:
            raise
        except Exception:
            pass
    return by_value(value, AtHome)


_haid.use_pickling(dumps_result, pickle.loads, describe, restore)
