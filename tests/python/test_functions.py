"""Which functions a pool takes, and how a program goes on writing them."""
import functools
import operator

from breaking import Script


class Adder:
    def __init__(self, number):
        self.number = number

    def add(self, x):
        return self.number + x

    __call__ = add

    @classmethod
    def made(cls, x):
        return cls(x).number

    @staticmethod
    def twice(x):
        return 2 * x


def test_all_kinds_of_functions(pool):
    number = 10
    functions = [lambda x: x + number, Adder(10), Adder(10).add, functools.partial(operator.add, 10), (10).__add__]
    for function in functions:
        assert pool.map(function, range(3)) == [10, 11, 12]
        assert pool.apply(function, (1,)) == 11
    assert pool.map(Adder.made, [1]) == [1] and pool.map(Adder.twice, [1]) == [2]
    assert pool.map(len, ["abc"]) == [3] and pool.map("x".join, [["a", "b"]]) == ["axb"]
    number = 20
    assert pool.map(functions[0], [1]) == [21]


def test_a_prompt_goes_on_writing_in_main(tmp_path):
    source = """
import haid
base = 1
def helper(x): return x + base
def first(x): return helper(x)
def initialize(): global base; base = 100
pool = haid.Pool(2)
ready = haid.Pool(2, initialize)
assert pool.map(first, [1]) == [2]
assert ready.map(first, [1]) == [101]
def helper(x): return x * 1000
assert pool.map(first, [1]) == [1000], "a helper that is redefined"
def later(x): return first(x) + 1
assert pool.map(later, [1]) == [1001], "defined later"
class Point:
    def __init__(self, x): self.x = x
    def moved(self): return Point(helper(self.x))
assert pool.map(Point.moved, [Point(1)])[0].x == 1000, "a class that is new"
assert isinstance(pool.map(Point, [1])[0], Point)
class Point:
    def __init__(self, x): self.x = -x
assert pool.map(Point, [1])[0].x == -1, "a class that is redefined"
offset = 5
assert pool.map(lambda x: x + offset, [1]) == [6]
offset = 6
assert pool.map(lambda x: x + offset, [1]) == [7]
def helper(x): return x + base
assert ready.map(first, [1]) == [101], "what an initializer has set stays"
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
assert pool.map(even, [10, 11]) == [True, False]
"""
    with Script(tmp_path, source) as script:
        assert script.end() == (0, "", "")
        script.expect_nothing_left()
