"""What has no name that a worker, or the parent, would find it by crosses all the same, or it is said why not."""
import dataclasses
import enum
import functools
import sys
import threading

import numpy
import pytest

import haid
from breaking import run_script

METHODS = ["fork", "spawn"]


def call(function, *args):
    return function(*args)


def adder(number):
    return lambda x: x + number


def nothing_but(x):
    yield x


# -- what is defined in __main__ after the pool

DEFINED_LATER = {
    "lru_cache": """
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
assert pool.map(fib, [10, 20]) == [55, 6765]
assert pool.map(lambda n: fib(n) + fib.cache_info().maxsize if fib.cache_parameters()["maxsize"] else fib(n), [10]) == [55]
def used(n): return fib(n)
assert pool.map(used, [10]) == [55]
""",
    "cache": """
@functools.cache
def slow(n): calls.append(n); return n
calls = []
def count(n): return slow(1), slow(1), len(calls)
assert pool.apply(count, (0,)) == (1, 1, 1)
""",
    "singledispatch": """
@functools.singledispatch
def text(x): return "?"
@text.register
def _(x: int): return f"int {x}"
@text.register(list)
def _(x): return [text(one) for one in x]
assert pool.map(text, [1, [2, "x"], None]) == ["int 1", ["int 2", "?"], "?"]
class Shape:
    @functools.singledispatchmethod
    def scaled(self, by): raise TypeError
    @scaled.register
    def _(self, by: int): return by * 2
    @functools.cached_property
    def area(self): return 7
def used(x): return Shape().scaled(x) + Shape().area
assert pool.map(used, [4]) == [15]
""",
    "redefined": """
def helper(x): return x + 1
assert pool.map(before, [1]) == [2]
@functools.lru_cache
def helper(x): return x * 100
assert pool.map(before, [1]) == [100]
class Helper:
    def __init__(self, function): functools.update_wrapper(self, function); self.function = function
    def __call__(self, x): return self.function(x)
@Helper
def helper(x): return x * 1000
assert pool.map(before, [1]) == [1000]
assert pool.map(decorated_before, [1]) == [1000]
""",
    "class that names the pool": """
class Simulation:
    def __init__(self, factor): self.factor = factor
    def run(self): return pool.map(self.step, [1, 2])
    def step(self, x): return self.factor * x
assert Simulation(3).run() == [3, 6]
assert pool.map(Simulation(2).step, [1]) == [2]
assert pool.map(abs, [-1]) == [1]
def refers(x):
    return Simulation(x).run()
def call(function, x): return function(x)
for arguments in [(refers, (1,)), (call, (lambda x: pool.map(abs, [x]), 1))]:
    try:
        pool.apply(*arguments)
    except NameError as error:
        assert "name 'pool' is not defined" in str(error) and "cannot be passed between processes" in str(error), error
    else:
        raise AssertionError
""",
    "class that cannot be sent": """
import threading
class Locked:
    lock = threading.Lock()
    def get(self): return 1
assert pool.map(abs, [-1]) == [1]
try:
    pool.map(type, [Locked()])
except AttributeError as error:
    assert "Can't get attribute 'Locked'" in str(error) and "cannot pickle '_thread.lock'" in str(error), error
else:
    raise AssertionError
""",
    "decorators": """
def logged(function):
    @functools.wraps(function)
    def around(*args): return "called", function(*args)
    return around
@logged
def add(x, y=1): return x + y
assert pool.map(add, [1]) == [("called", 2)]
assert pool.map(functools.partial(add, 5), [1]) == [("called", 6)]
class Counted:
    def __init__(self, function): functools.update_wrapper(self, function); self.function = function; self.calls = 0
    def __call__(self, x): self.calls += 1; return self.calls
@Counted
def counted(x): return x
assert pool.apply(counted, (0,)) == 1 and pool.apply(counted, (0,)) == 1, "a task leaves nothing behind in it"
""",
    "kinds of classes": """
import collections, dataclasses, enum, typing
@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0
    def moved(self, by): return dataclasses.replace(self, x=self.x + by)
class Colour(enum.Enum):
    RED = 1
    GREEN = 2
Pair = collections.namedtuple("Pair", "a b")
class Row(typing.NamedTuple):
    name: str
class Outer:
    class Inner:
        value = 3
        def get(self): return self.value
assert pool.map(Point(1).moved, [2]) == [Point(3)]
assert pool.map(lambda c: (c, c is Colour.RED), list(Colour)) == [(Colour.RED, True), (Colour.GREEN, False)]
assert pool.starmap(Pair, [(1, 2)]) == [Pair(1, 2)] and pool.map(Row, ["x"]) == [Row("x")]
assert isinstance(pool.apply(Outer.Inner), Outer.Inner) and pool.apply(Outer.Inner().get) == 3
assert pool.map(type, [Point(1), Colour.RED, Pair(1, 2), Outer.Inner()]) == [Point, Colour, Pair, Outer.Inner]
""",
    "functions as inputs": """
def one(): return 1
def two(): return one() * 2
@functools.cache
def three(): return 3
assert pool.map(call, [one, two, three, lambda: 4]) == [1, 2, 3, 4]
assert pool.apply(call, (functools.partial(max, 5), 2)) == 5
assert list(pool.imap(call, iter([two]))) == [2]
""",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", DEFINED_LATER)
def test_defined_after_the_pool(name, method, tmp_path):
    after = DEFINED_LATER[name].replace("\n", "\n    ")
    run_script(tmp_path, f"""
import functools, haid
def helper(x): return x
def before(x): return helper(x)
def wrapper(function):
    @functools.wraps(function)
    def around(*args): return function(*args)
    return around
@wrapper
def decorated_before(x): return helper(x)
def call(function, *args): return function(*args)
if __name__ == "__main__":
    pool = haid.get_context({method!r}).Pool(2)
    {after}
    pool.close()
    pool.join()
""")


@pytest.mark.parametrize("method", METHODS)
def test_a_package_that_is_run(method, tmp_path):
    """Its __main__ has no guard, and is not imported by workers."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "other.py").write_text("def tripled(x): return 3 * x\n")
    (package / "__main__.py").write_text(f"""
import functools, haid
from .other import tripled
class Point:
    def __init__(self, x): self.x = x
class Wrong(Exception):
    def __init__(self, point, *, why): super().__init__(why); self.point = point
def begin(amount):
    global base
    base = amount
@functools.cache
def square(x): return x * x
def work(point):
    from . import other
    if point.x < 0: raise Wrong(point, why="negative")
    return Point(square(point.x) + base + other.tripled(1))
with haid.get_context({method!r}).Pool(2, begin, (100,)) as pool:
    print([point.x for point in pool.map(work, map(Point, range(3)))], pool.map(tripled, [1]))
    try:
        pool.map(work, [Point(-1)])
    except Wrong as error:
        print(error, error.point.x)
""")
    out = run_script(tmp_path, "", shell=f"{sys.executable} -m package")
    assert out == "[103, 104, 107] [3]\nnegative -1\n"


def test_what_a_guard_hides(tmp_path):
    source = """
import haid
if __name__ == "__main__":
    def hidden(x): return x
    with haid.get_context("spawn").Pool(1) as pool:
        try:
            pool.map(hidden, [1])
        except AttributeError as error:
            print(error)
"""
    assert 'below if __name__ == "__main__"' in run_script(tmp_path, source)


@pytest.mark.parametrize("method", METHODS)
def test_an_initializer_of_any_kind(method):
    number = 5

    def begin(amount):
        haid.amount = amount() + number

    with haid.get_context(method).Pool(1, begin, (lambda: 1,)) as pool:
        assert pool.apply(lambda: haid.amount) == 6


# -- arguments and results


@pytest.fixture(params=METHODS)
def pool(request):
    with haid.get_context(request.param).Pool(2) as pool:
        yield pool


def test_local_functions_and_classes(pool):
    number = 10

    def local(x):
        return x + number

    @dataclasses.dataclass
    class Local:
        x: int

    class Kind(enum.Enum):
        A = 1

    @functools.lru_cache
    def cached(x):
        return -x

    functions = [lambda x: x * number, local, functools.partial(local), functools.partial(lambda x, y: x - y, 1), cached]
    expected = [function(3) for function in functions]
    assert pool.starmap(call, [(function, 3) for function in functions]) == expected
    assert [pool.apply(call, (function, 3)) for function in functions] == expected
    assert [function(1) for function in pool.map(adder, range(3))] == [1, 2, 3]
    assert pool.apply(call, (lambda: cached,))(3) == -3
    assert pool.map(lambda one: one, [Local(1)]) == [Local(1)] and pool.apply(lambda: Local(2)) == Local(2)
    assert pool.map(lambda one: one, [Kind.A]) == [Kind.A] and pool.apply(lambda: Kind.A) is Kind.A
    with haid.ProcessPoolExecutor(1) as executor:
        assert executor.submit(call, lambda: 1).result() == 1
        assert executor.submit(adder, 1).result()(1) == 2


def test_large_arrays_beside_a_function(pool):
    array = numpy.arange(1e5)
    result, function = pool.apply(lambda f, a: (a + f(1), f), (lambda x: x, array))
    assert (result == array + 1).all() and function(2) == 2


def test_what_cannot_cross_is_said(pool, tmp_path):
    with pytest.raises(TypeError, match="cannot pickle 'generator' object"):
        pool.map(list, [nothing_but(1)])
    with pytest.raises(haid.pool.MaybeEncodingError, match="cannot pickle 'generator' object"):
        pool.map(nothing_but, [1])
    lock = threading.Lock()
    with pytest.raises(TypeError, match="cannot pickle '_thread.lock' object"):
        pool.map(call, [lambda: lock])
    with open(tmp_path / "file", "w+") as file:
        with pytest.raises(TypeError, match="cannot pickle '_io.TextIOWrapper' object"):
            pool.map(str, [file])
    assert pool.map(abs, [-1]) == [1]


# -- exceptions


class Required(Exception):
    def __init__(self, code, *, where):
        super().__init__(f"{where} failed with {code}")
        self.code = code
        self.where = where


class Slotted(ValueError):
    __slots__ = ("code",)

    def __init__(self, code):
        self.code = code


class OnDisk(OSError):
    def __init__(self, path, kind):
        super().__init__(28, "no space", path)
        self.kind = kind


class Undecodable(UnicodeDecodeError):
    def __init__(self):
        super().__init__("ascii", b"\xff", 0, 1, "why")


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int
    why: str = ""


class Holds(Exception):
    def __init__(self, code, lock):
        self.code, self.lock = code, lock


class ItsOwn(Exception):
    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return ItsOwn, (self.code + 1,)


def fail(make):
    raise make()


def raised(pool, make):
    with pytest.raises(Exception) as caught:
        pool.map(fail, [make])
    return caught.value


def test_exceptions_arrive_as_themselves(pool):
    error = raised(pool, lambda: Required(3, where="here"))
    assert type(error) is Required and str(error) == "here failed with 3"
    assert (error.code, error.where, error.args) == (3, "here", ("here failed with 3",))
    assert "in fail" in str(error.__cause__)
    error = raised(pool, lambda: Slotted(4))
    assert type(error) is Slotted and error.code == 4 and error.args == (4,)
    error = raised(pool, lambda: OnDisk("/x", "kind"))
    assert type(error) is OnDisk and (error.errno, error.filename, error.kind) == (28, "/x", "kind")
    error = raised(pool, Undecodable)
    assert type(error) is Undecodable and (error.object, error.reason) == (b"\xff", "why")
    error = raised(pool, lambda: Frozen(5, "why"))
    assert type(error) is Frozen and error == Frozen(5, "why")
    error = raised(pool, lambda: ItsOwn(1))
    assert type(error) is ItsOwn and error.code == 2


def test_exceptions_without_what_cannot_cross(pool):
    error = raised(pool, lambda: Holds(6, threading.Lock()))
    assert type(error) is Holds and error.code == 6 and not hasattr(error, "lock")
    assert error.args[0] == 6 and "lock object" in error.args[1]


def test_exceptions_of_a_local_class(pool):
    class Local(Exception):
        def __init__(self, *, code):
            super().__init__()
            self.code = code

    def fails(code):
        raise Local(code=code)

    with pytest.raises(Local) as caught:
        pool.map(fails, [7])
    assert caught.value.code == 7


def test_exceptions_as_values(pool):
    (error,) = pool.map(lambda _: Required(1, where="there"), [0])
    assert type(error) is Required and error.code == 1
    assert pool.map(lambda error: (type(error), error.code), [Required(2, where="")]) == [(Required, 2)]
