"""What a module was like at some time, to be compared with what it is now."""
import types
import weakref

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
