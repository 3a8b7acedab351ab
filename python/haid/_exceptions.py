"""What the pickle of an exception consists of.

An exception's own pickle calls its class with ``args``: wrong where the class has an ``__init__`` of its own, which takes
something else. Here it is made again without that, and gets the attributes that it had.
"""
import copyreg
import types

PROTOCOL = 5  # of every pickle

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
