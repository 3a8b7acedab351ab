"""What goes wrong in a task is the error of that task and of nothing else: however, wherever, in every kind of call."""
import os
import signal
import sys

import pytest

import haid
from breaking import expect_works, kill_myself, segfault

COUNT, VICTIM = 12, 5


class Broken(Exception):
    pass


class Unusual(BaseException):
    pass


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("this one stays here")


class OtherArguments(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def raiser(error):
    def way():
        raise error

    return way


DEATHS = {
    "SIGKILL": (kill_myself, -signal.SIGKILL),
    "SIGSEGV": (segfault, -signal.SIGSEGV),
    "_exit": (lambda: os._exit(3), 3),
}
ERRORS = {
    "sys.exit": (lambda: sys.exit(4), SystemExit),
    "exception": (raiser(Broken("oh")), Broken),
    "BaseException": (raiser(Unusual("oh")), Unusual),
    "unpicklable": (raiser(Unpicklable("oh")), Unpicklable),
    "other arguments": (raiser(OtherArguments("this", "that")), OtherArguments),
}


def go_wrong(way):
    (DEATHS.get(way) or ERRORS[way])[0]()


def go_wrong_now(way):
    go_wrong(way)
    raise AssertionError("it went well")


class WrongWhenPickled:
    def __init__(self, way):
        self.way = way

    def __reduce__(self):
        go_wrong_now(self.way)

    def __call__(self, _):
        return 0


class WrongWhenUnpickled(WrongWhenPickled):
    def __reduce__(self):
        return go_wrong_now, (self.way,)


class WrongWhenCalled:
    def __init__(self, way):
        self.way = way

    def __call__(self, item):
        if item == VICTIM:
            go_wrong_now(self.way)
        return 2 * item


class ReturnsWrongWhenPickled(WrongWhenCalled):
    def __call__(self, item):
        return WrongWhenPickled(self.way) if item == VICTIM else 2 * item


class ReturnsWrongWhenUnpickled(WrongWhenCalled):
    def __call__(self, item):
        return WrongWhenUnpickled(self.way) if item == VICTIM else 2 * item


def twice_unless_wrong(item):
    return 2 * item


# A call that makes of items either their results or the error of one, as far as that kind of call tells.


def taken(results):
    outcomes = []
    while True:
        try:
            outcomes.append(next(results))
        except StopIteration:
            return outcomes
        except BaseException as error:
            outcomes.append(error)
        assert len(outcomes) <= COUNT


def caught(function):
    try:
        return function()
    except BaseException as error:
        return error


def of_map(pool, function, items):
    return caught(lambda: pool.map(function, items))


def of_map_async(pool, function, items):
    return caught(lambda: pool.map_async(function, items).get())


def of_imap(pool, function, items):
    return caught(lambda: taken(pool.imap(function, items)))


def of_imap_unordered(pool, function, items):
    return caught(lambda: taken(pool.imap_unordered(function, items)))


def of_apply(pool, function, items):
    return [caught(lambda: pool.apply(function, (item,))) for item in items]


def of_apply_async(pool, function, items):
    results = [caught(lambda: pool.apply_async(function, (item,))) for item in items]
    return [result if isinstance(result, BaseException) else caught(result.get) for result in results]


CALLS = {
    "map": of_map,
    "map_async": of_map_async,
    "imap": of_imap,
    "imap_unordered": of_imap_unordered,
    "apply": of_apply,
    "apply_async": of_apply_async,
}
every_call = pytest.mark.parametrize("call", CALLS)
every_error = pytest.mark.parametrize("way", ERRORS)
every_way = pytest.mark.parametrize("way", [*DEATHS, *ERRORS])


def expect_error(error, way, here):
    """The error of a way to go wrong in a worker; or here, where the error itself is raised."""
    if way in DEATHS:
        assert type(error) is haid.WorkerLost, repr(error)
        assert error.exit_code == DEATHS[way][1]
        return
    kind = ERRORS[way][1]
    if here or way in ("exception", "other arguments"):
        assert type(error) is kind, repr(error)
        assert way != "other arguments" or str(error) == "this and that"
        return
    assert isinstance(error, haid.TaskError), repr(error)
    assert error.type_name.rpartition(".")[2] == kind.__name__


def expect_one_error(outcomes, way, here=False, in_order=True, wrapped=False):
    def expect(error):
        if wrapped:
            assert isinstance(error, haid.pool.MaybeEncodingError), repr(error)
        else:
            expect_error(error, way, here)

    if isinstance(outcomes, BaseException):  # of all items together
        return expect(outcomes)
    if in_order:
        expect(outcomes.pop(VICTIM))
    else:
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert len(errors) == 1, errors
        expect(errors[0])
        outcomes = sorted(outcome for outcome in outcomes if outcome is not errors[0])
    assert outcomes == [2 * item for item in range(COUNT) if item != VICTIM]


def items_with(victim):
    return [victim if item == VICTIM else item for item in range(COUNT)]


@every_call
@every_error
def test_argument_pickling(pool, call, way):
    outcomes = CALLS[call](pool, twice_unless_wrong, items_with(WrongWhenPickled(way)))
    expect_one_error(outcomes, way, here=True, in_order=call != "imap_unordered")
    expect_works(pool)


@every_call
@every_way
def test_argument_unpickling(pool, call, way):
    outcomes = CALLS[call](pool, twice_unless_wrong, items_with(WrongWhenUnpickled(way)))
    expect_one_error(outcomes, way, in_order=call != "imap_unordered")
    expect_works(pool)


@every_call
@every_way
def test_function_running(pool, call, way):
    outcomes = CALLS[call](pool, WrongWhenCalled(way), range(COUNT))
    expect_one_error(outcomes, way, in_order=call != "imap_unordered")
    expect_works(pool)


@every_call
@every_way
def test_result_pickling(pool, call, way):
    outcomes = CALLS[call](pool, ReturnsWrongWhenPickled(way), range(COUNT))
    expect_one_error(outcomes, way, in_order=call != "imap_unordered", wrapped=way in ERRORS)
    expect_works(pool)


@every_call
@every_error
def test_result_unpickling(pool, call, way):
    outcomes = CALLS[call](pool, ReturnsWrongWhenUnpickled(way), range(COUNT))
    expect_one_error(outcomes, way, here=True, in_order=call != "imap_unordered")
    expect_works(pool)


# A function that does not reach the workers is the error of each of its items.


def expect_all_errors(outcomes, way, here=False):
    for error in [outcomes] if isinstance(outcomes, BaseException) else outcomes:
        expect_error(error, way, here)


@every_call
@every_error
def test_function_pickling(pool, call, way):
    outcomes = CALLS[call](pool, WrongWhenPickled(way), range(COUNT))
    expect_all_errors(outcomes, way, here=True)
    expect_works(pool)


@every_call
@every_way
def test_function_unpickling(pool, call, way):
    outcomes = CALLS[call](pool, WrongWhenUnpickled(way), range(3))
    expect_all_errors(outcomes, way)
    expect_works(pool)
