"""How functions reach the workers: by reference where a worker finds the same, by value where not.

Workers are forked from what this process was when the pool was made. A function of a module is found there by its name.
The module ``__main__`` is different: a person at a prompt or in a notebook goes on writing in it. So a call brings
along what has been defined or redefined there since, the functions that it uses and the classes, and the worker enters
them in its own ``__main__``. Data stays what the worker has (it may come from an initializer), unless a function that is
sent by value refers to it and it is new or another one now.

Inputs and results are pickled as multiprocessing pickles them; where that fails (a lambda, a local function or class), or
names a function that the workers do not have, they go by value as well.
"""
import pickle
import sys
import types

from . import _exceptions, _pickling
from ._definitions import NAMED, found_by, is_code, is_definition, main_namespace, uses
from ._snapshot import Snapshot

MOST_NAMES = 1000  # that are remembered


class Functions:
    """Makes bytes of functions for the workers that are started now. ``have_main``: they have what __main__ has."""

    def __init__(self, have_main=True):
        self._main = vars(sys.modules["__main__"])
        self._before = Snapshot(self._main if have_main else {})
        self._names = {}
        self._new = ()  # functions of __main__ that inputs may name: their names, as they are in a pickle
        self._gone = ()  # names of classes that cannot be sent

    def dumps(self, function):
        """The function as bytes, and whether a worker may keep what it makes of them: not so where a task could leave
        something behind in it for the next one."""
        changes, has_new_parts = self._changes_for(function)
        may_keep = is_code(function)
        if not changes and not has_new_parts and not self.is_new(function):
            try:
                return self._dumps_by_reference(function), may_keep
            except Exception:
                pass
        return self._dumps_by_value(changes, function), may_keep

    def dumps_input(self, value):
        """As _pickling.dumps; by value what the workers do not have by its name."""
        if not isinstance(value, BaseException):
            try:
                pickled = _pickling.dumps(value)
            except RecursionError:
                raise
            except Exception:
                pass
            else:
                if not self._new or not self._names_new(pickled if type(pickled) is bytes else pickled[0]):
                    return pickled
        return _pickling.by_value(value, _ForInputs(self))

    def _names_new(self, pickled):
        return b"__main__" in pickled and any(name in pickled for name in self._new)

    def _dumps_by_reference(self, function):
        # A function's own pickle is its name.
        is_name = isinstance(function, types.FunctionType)
        if is_name and (known := self._names.get(function)) is not None:
            return known
        pickled = _pickling.dumps_whole(function)
        if is_name:
            if len(self._names) >= MOST_NAMES:
                self._names.clear()
            self._names[function] = pickled
        return pickled

    def _dumps_by_value(self, changes, function):
        # Most programs never need it, and every process that they fork is the smaller for that.
        from . import _by_value

        try:
            return _by_value.dumps(_Definitions(changes, function), self)
        except Exception:
            pass
        left_out = _by_value.LeftOut(self)
        used, _ = self._used_by(function)
        sent = {name: value for name, value in changes.items() if name in used or left_out.can_go(value, name)}
        self._gone = [*changes.keys() - sent.keys()]
        return left_out.dumps(_Definitions(sent, function, left_out, self._gone))

    def _changes_for(self, function):
        """Functions and classes of __main__ that are not what they were: those that the function uses, in whatever
        depth, and all classes, for its inputs may be of them; and whether it is made of such (a partial)."""
        before = self._before
        before.forget_what_was_replaced()
        changes = {
            name: value
            for name, value in self._main.items()
            if before.get(name) is not value and is_definition(value)
        }
        if not changes:
            return changes, False
        self._new = [_in_pickle(name) for name, value in changes.items() if not isinstance(value, type)]
        self._gone = ()
        used, parts = self._used_by(function)
        needed = {name: value for name, value in changes.items() if name in used or isinstance(value, type)}
        return needed, any(map(self.is_new, parts))

    def _used_by(self, function):
        """The names in __main__ of what a function, and what these use; and all these."""
        used, seen, left = set(), {}, [function]
        while left:
            one = left.pop()
            if id(one) in seen:
                continue
            seen[id(one)] = one
            names, parts = uses(one)
            left += parts
            for name in names & self._main.keys() - used:
                used.add(name)
                left.append(self._main[name])
        return used, seen.values()

    def is_new(self, definition):
        """Whether a function or class of __main__ is not there under its name in the workers."""
        return (
            isinstance(definition, NAMED)
            and getattr(definition, "__module__", None) == "__main__"
            and found_by(self._before.get, definition) is not definition
        )

    def is_main(self, namespace):
        return namespace is self._main

    def changed_data(self, names):
        return {name: value for name, value in names.items() if self._before.get(name) is not value}


def _in_pickle(name):
    encoded = name.encode(errors="surrogatepass")
    return pickle.SHORT_BINUNICODE + bytes([len(encoded)]) + encoded if len(encoded) < 256 else encoded


class _ForInputs:
    """Functions as inputs see them: new classes come with each call."""

    def __init__(self, functions):
        self._functions = functions
        self.is_main = functions.is_main
        self.changed_data = functions.changed_data

    def is_new(self, definition):
        functions = self._functions
        if isinstance(definition, type) and found_by(functions._main.get, definition) is definition:
            return definition.__qualname__.partition(".")[0] in functions._gone
        return functions.is_new(definition)


class _Definitions:
    """A function with what it needs in __main__; where it is unpickled, the function itself.

    ``left_out``: see _by_value.LeftOut; ``gone``: names of definitions that could not be sent."""

    def __init__(self, changes, function, left_out=None, gone=()):
        self._changes = changes
        self._function = function
        self._left_out = left_out
        self._gone = gone

    def __reduce__(self):
        return _define, (self._changes, self._function, self._left_out, self._gone)


def _define(changes, function, reasons, gone):
    for main in (vars(sys.modules["__main__"]), main_namespace()):
        for name in gone:
            main.pop(name, None)  # one of that name is not what is meant
        main.update(changes)
    for name in changes:
        _exceptions.reasons.pop(name, None)
    _exceptions.reasons.update(reasons or {})
    return function
