"""haid.ThreadPool: the standard library's, with what Pool takes."""
import itertools
import multiprocessing.pool
import os
import textwrap
import threading

import pytest

import haid
from breaking import Script


@pytest.fixture
def pool():
    with haid.ThreadPool(3) as pool:
        yield pool
        pool.close()
        pool.join()


def test_it_is_the_standard_one(pool):
    assert isinstance(pool, multiprocessing.pool.ThreadPool)
    assert haid.ThreadPool is haid.pool.ThreadPool
    with haid.dummy.Pool(2) as dummy:
        assert type(dummy) is haid.ThreadPool and dummy.map(abs, [-1], retries=1) == [1]
    assert pool.apply(os.getpid) == os.getpid()


CALLS = {
    "map": lambda pool, func, items, **limits: pool.map(func, items, **limits),
    "starmap": lambda pool, func, items, **limits: pool.starmap(func, [(item,) for item in items], **limits),
    "map_async": lambda pool, func, items, **limits: pool.map_async(func, items, **limits).get(),
    "starmap_async": lambda pool, func, xs, **limits: pool.starmap_async(func, [(x,) for x in xs], **limits).get(),
    "apply": lambda pool, func, items, **limits: [pool.apply(func, (item,), **limits) for item in items],
    "apply_async": lambda pool, func, items, **limits: [pool.apply_async(func, (x,), **limits).get() for x in items],
    "imap": lambda pool, func, items, **limits: list(pool.imap(func, items, **limits)),
    "imap_unordered": lambda pool, func, items, **limits: sorted(pool.imap_unordered(func, items, **limits)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", [haid.ThreadPool, haid.Pool])
def test_limits(kind, call, tmp_path):
    """As with processes."""
    def fails_twice(x):
        with open(tmp_path / str(x), "a") as file:
            file.write("x")
        if (tmp_path / str(x)).stat().st_size <= 2:
            raise OSError(x)
        return x

    with kind(2) as pool:
        assert call(pool, fails_twice, range(5), retries=2, backoff=0) == list(range(5))
        with pytest.raises(OSError):
            call(pool, fails_twice, [5], retries=1, backoff=0.001)
        with pytest.raises(ValueError):
            call(pool, abs, [1], retries=-1)
        with pytest.raises(TypeError):
            call(pool, abs, [1], retires=1)
        assert call(pool, abs, [-1], timeout=None) == [1]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_timeout(pool, call):
    with pytest.raises(ValueError, match="haid.Pool has"):
        call(pool, abs, [1], timeout=1)


def test_progress(pool, capfd):
    assert pool.map(abs, range(30), progress=True) == list(range(30))
    assert pool.starmap(pow, [(2, 3)], progress=True) == [8]
    assert list(pool.imap(abs, (x for x in range(30)), progress=True)) == list(range(30))
    assert sorted(pool.imap_unordered(abs, range(30), progress=True)) == list(range(30))
    shown = capfd.readouterr().err
    assert shown.count("30/30") == 2 and "pow: 100%" in shown and "30it" in shown
    with pytest.raises(ZeroDivisionError):
        pool.map(lambda x: 1 / x, [1, 0], progress=True)


@pytest.mark.parametrize("call", ["imap", "imap_unordered"])
def test_lazy(pool, call):
    read = itertools.count()
    results = getattr(pool, call)(lambda x: x, read, buffersize=5)
    taken = [next(results) for _ in range(100)]
    assert set(taken) <= set(range(105)) and next(read) <= 106
    assert call == "imap_unordered" or taken == list(range(100))
    del results  # an endless input is not read on
    assert len(list(getattr(pool, call)(abs, range(10_000)))) == 10_000
    assert list(getattr(pool, call)(abs, [])) == []


@pytest.mark.parametrize("call", ["imap", "imap_unordered"])
def test_errors_of_a_lazy_call(pool, call):
    def broken():
        yield from [1, 0, 2]
        raise OSError("the input")

    results = getattr(pool, call)(lambda x: 1 / x, broken())
    seen = []
    for _ in range(4):
        try:
            seen.append(next(results))
        except (ZeroDivisionError, OSError) as error:
            seen.append(type(error))
    assert set(seen) == {1, 0.5, ZeroDivisionError, OSError} and seen[3] is OSError
    assert next(results, "end") == "end"
    gate = threading.Event()
    results = getattr(pool, call)(gate.wait, [1000])
    with pytest.raises(haid.TimeoutError):
        results.next(timeout=0.01)
    gate.set()
    assert results.next(timeout=50) is True
    with pytest.raises(ValueError):
        getattr(pool, call)(abs, [1], 0)


@pytest.mark.parametrize("call", ["imap", "imap_unordered"])
def test_join_reads_the_rest(call):
    done = []
    with haid.ThreadPool(2) as pool:
        getattr(pool, call)(done.append, range(100), buffersize=3)
        pool.close()
        pool.join()
    assert sorted(done) == list(range(100))


def test_the_end():
    pool = haid.ThreadPool(2)
    results = pool.imap(threading.Event().wait, itertools.repeat(1000))
    pool.terminate()
    with pytest.raises(ValueError):
        pool.map(abs, [1])
    with pytest.raises(haid.TimeoutError):
        results.next(timeout=0.01)


@pytest.mark.parametrize("call", ["pool.map(slow, range(100))", "list(pool.imap(slow, range(100)))"])
def test_control_c(tmp_path, call):
    source = textwrap.dedent(f"""
        import haid, os, threading
        def slow(_):
            os.write(1, b"started\\n")
            threading.Event().wait(1000)
        try:
            with haid.ThreadPool(2) as pool:
                {call}
        except KeyboardInterrupt:
            os.write(1, b"interrupted\\n")
    """)
    with Script(tmp_path, source) as script:
        assert script.end_by_interrupt() == ""
