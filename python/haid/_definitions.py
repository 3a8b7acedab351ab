"""What functions and classes are made of, and what they use in their module."""
import functools
import sys
import types

Cached = type(functools.lru_cache(len))
NAMED: tuple = (types.FunctionType, type, Cached)  # what pickles as its name


def found_by(get, definition):
    """What is there under its name, in a module of which ``get`` gives what a name stands for; or something else."""
    name, *parts = getattr(definition, "__qualname__", "").split(".")
    found = get(name)
    for part in parts:
        found = getattr(found, part, None)
    return found


def main_namespace():
    """Where the functions of __main__ look up names. In a worker that has imported it anew, that is not where it is
    looked up itself."""
    main = sys.modules["__main__"]
    if main.__name__ == "__mp_main__":
        for value in vars(main).values():
            if isinstance(value, types.FunctionType) and value.__globals__.get("__name__") == "__mp_main__":
                return value.__globals__
    return vars(main)


class AtHome:
    """What Functions is to inputs, for results: what a worker finds by its name is there in its parent, too."""

    @staticmethod
    def is_new(definition):
        return found_by(vars(sys.modules["__main__"]).get, definition) is not definition

    @staticmethod
    def is_main(namespace):
        return namespace is main_namespace()

    @staticmethod
    def changed_data(names):
        return {}  # its own


def is_code(function):
    """Whether nothing but its code is sent: it has a name that is not one it was given as an object."""
    if isinstance(function, (*NAMED, types.BuiltinFunctionType)):
        return True
    named = getattr(function, "__qualname__", None) is not None and "__qualname__" not in _own_names(function)
    return named and not hasattr(function, "__self__")


def is_definition(value):
    """A function or class of __main__, or what a decorator has made of one."""
    if isinstance(value, NAMED) or "__wrapped__" in _own_names(value):
        return getattr(value, "__module__", None) == "__main__"
    return False


def _own_names(value):
    try:
        return object.__getattribute__(value, "__dict__")
    except AttributeError:
        return ()


def uses(definition):
    """Names that a definition may look up in its module, and the definitions that it is made of."""
    if isinstance(definition, types.FunctionType):
        return _names_in(definition.__code__), _parts_of_function(definition)
    if isinstance(definition, types.MethodType):
        return set(), [definition.__func__, definition.__self__]
    if isinstance(definition, functools.partial):
        return set(), [definition.func, *_callables((*definition.args, *definition.keywords.values()))]
    if isinstance(definition, type):
        if definition.__module__ != "__main__":
            return set(), []
        return set(), [*_callables(map(_function_of, vars(definition).values())), *definition.__bases__]
    if "__wrapped__" in _own_names(definition):
        return set(), [definition.__wrapped__, type(definition)]
    return set(), [type(definition)]


def _names_in(code):
    names, codes = set(), [code]
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return names


def _parts_of_function(function):
    parts = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            parts.append(cell.cell_contents)
        except ValueError:
            pass  # it has nothing yet
    parts += getattr(function, "registry", {}).values()  # of functools.singledispatch
    return _callables(parts)


def _function_of(attribute):
    """Of a class: what it calls."""
    for kind, name in _DESCRIPTORS.items():
        if isinstance(attribute, kind):
            return getattr(attribute, name)
    return attribute


_DESCRIPTORS = {
    staticmethod: "__func__",
    classmethod: "__func__",
    property: "fget",
    functools.cached_property: "func",
    functools.singledispatchmethod: "dispatcher",
    functools.partialmethod: "func",
}


def _callables(values):
    return [value for value in values if callable(value)]
