"""How functions reach the workers: by reference where a worker finds the same, by value where not.

Workers are forked from what this process was when the pool was made. A function of a module is found there by its name.
The module ``__main__`` is different: a person at a prompt or in a notebook goes on writing in it. So a call brings
along what has been defined or redefined there since, the functions that it uses and the classes, and the worker enters
them in its own ``__main__``. Data stays what the worker has (it may come from an initializer), unless a function that is
sent by value refers to it and it is new or another one now.
"""
import sys
import types
import weakref

from . import _pickling

MOST_NAMES = 1000  # that are remembered


class Functions:
    """Makes bytes of functions for the workers that are started now. ``have_main``: they have what __main__ has."""

    def __init__(self, have_main=True):
        self._main = vars(sys.modules["__main__"])
        self._before = Snapshot(self._main if have_main else {})
        self._names = {}

    def dumps(self, function):
        """The function as bytes, and whether a worker may keep what it makes of them: not so where a task could leave
        something behind in it for the next one."""
        changes = self._changes_for(function)
        by_name = getattr(function, "__qualname__", None) is not None and not hasattr(function, "__self__")
        may_keep = by_name or isinstance(function, types.BuiltinFunctionType)
        if not changes and not self.is_new(function):
            try:
                return self._dumps_by_reference(function), may_keep
            except Exception as error:
                reason = error
        else:
            reason = None
        try:
            return self._dumps_by_value(changes, function), may_keep
        except Exception as error:
            raise (reason or error) from None

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

        return _by_value.dumps(_Definitions(changes, function), self)

    def _changes_for(self, function):
        """Functions and classes of __main__ that are not what they were: those that the function uses, in whatever
        depth, and all classes, for its inputs may be of them."""
        before = self._before
        before.forget_what_was_replaced()
        changes = {
            name: value
            for name, value in self._main.items()
            if isinstance(value, (types.FunctionType, type))
            and getattr(value, "__module__", None) == "__main__"
            and before.get(name) is not value
        }
        if not changes:
            return changes
        used = self._used_by(function)
        return {
            name: value
            for name, value in changes.items()
            if name in used or (isinstance(value, type) and self._can_be_sent(value))
        }

    def _used_by(self, function):
        """The names in __main__ of what a function, and what these use."""
        used, left = set(), [function]
        while left:
            for name in _global_names(left.pop()) & self._main.keys() - used:
                used.add(name)
                left.append(self._main[name])
        return used

    def _can_be_sent(self, definition):
        try:
            self._dumps_by_value({}, definition)
        except Exception:
            return False
        return True

    def is_new(self, definition):
        """Whether a function or class of __main__ is not there under its name in the workers."""
        if getattr(definition, "__module__", None) != "__main__":
            return False
        name, *parts = getattr(definition, "__qualname__", "").split(".")
        found = self._before.get(name)
        for part in parts:
            found = getattr(found, part, _MISSING)
        return found is not definition and isinstance(definition, (types.FunctionType, type))

    def is_main(self, namespace):
        return namespace is self._main

    def changed_data(self, names):
        return {name: value for name, value in names.items() if self._before.get(name) is not value}


_MISSING = object()
_SMALL = {type(None), bool, int, float, complex, types.ModuleType}  # what holds nothing that could be missed


class Snapshot:
    """What the names of a module stood for. It keeps nothing alive that the module has no more: neither the pool that was
    there before this one, nor data. What cannot be referred to weakly (a list) goes when it is next looked at, here or by
    whoever makes another one."""

    _all = weakref.WeakSet()

    def __init__(self, namespace):
        self._namespace = namespace
        self._weak = {}
        self._kept = {}
        self._to_forget = []  # names in _kept
        for other in list(Snapshot._all):
            other.forget_what_was_replaced()
        for name, value in list(namespace.items()):
            if type(value) in _SMALL:
                self._kept[name] = value
                continue
            try:
                self._weak[name] = weakref.ref(value)
            except TypeError:
                self._kept[name] = value
                self._to_forget.append(name)
        Snapshot._all.add(self)

    def get(self, name):
        """What it stood for, or something that nothing else is."""
        reference = self._weak.get(name)
        if reference is None:
            return self._kept.get(name, _MISSING)
        value = reference()
        return _MISSING if value is None else value

    def forget_what_was_replaced(self):
        now = self._namespace
        for name in self._to_forget:
            if now.get(name, _MISSING) is not self._kept.get(name):
                self._kept.pop(name, None)


def _global_names(definition):
    """Names that the code of a function, or of the methods of a class or an object, may look up in its module."""
    if isinstance(definition, types.MethodType):
        definition = definition.__self__ if isinstance(definition.__self__, type) else type(definition.__self__)
    functions = [definition]
    if not isinstance(definition, types.FunctionType):
        kind = definition if isinstance(definition, type) else type(definition)
        functions = vars(kind).values() if kind.__module__ == "__main__" else ()
        functions = [getattr(function, "__func__", function) for function in functions]
    names, codes = set(), [function.__code__ for function in functions if isinstance(function, types.FunctionType)]
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return names


class _Definitions:
    """A function with what it needs in __main__; where it is unpickled, the function itself."""

    def __init__(self, changes, function):
        self._changes = changes
        self._function = function

    def __reduce__(self):
        return _define, (self._changes, self._function)


def _define(changes, function):
    vars(sys.modules["__main__"]).update(changes)
    return function
