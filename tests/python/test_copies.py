"""Workers that draw from copies of one generator, and are told so."""
import subprocess
import sys
import textwrap

import pytest

SAID = "RuntimeWarning: numpy's global generator"

HEAD = """
    import os
    import numpy
    import haid
    numpy.random.seed(1)

    def draw(_):
        return numpy.random.rand()

    def draw_beside_another(_):
        barrier.wait()
        return numpy.random.rand()

    def draw_a_million(_):
        return numpy.random.normal(size=400_000).sum() + numpy.random.rand(500_000).sum()

    def draw_of_a_stream(_):
        return haid.stream(1).random()

    def seed_and_draw(number):
        numpy.random.seed(100 + number)
        return numpy.random.rand(100_000).sum()

    def draw_late(number):
        return numpy.random.rand() if number > 150 else 0

    barrier = haid.Barrier(2)
"""


def run(source, *options, head=HEAD):
    source = textwrap.dedent(head) + textwrap.dedent(source)
    result = subprocess.run([sys.executable, *options, "-c", source], capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result
    return result


def told(source, *options, head=HEAD):
    """How often it was told; nothing else may be."""
    said = run(source, *options, head=head).stderr
    assert all(SAID in line for line in said.splitlines()), said
    return said.count(SAID)


def test_it_is_told_once_where_the_function_is():
    result = run("""
        with haid.Pool(2) as pool:
            first, second = pool.map(draw_beside_another, range(2))
            print(first == second)
            pool.map(draw, range(100))
        with haid.Pool(2) as pool:
            pool.map(draw, range(100))
    """)
    assert result.stdout == "True\n"
    assert result.stderr.count(SAID) == 1 and result.stderr.startswith("<string>:10: ") and "haid.stream(seed)" in result.stderr


@pytest.mark.parametrize("call", [
    "haid.Pool(2).map(draw_a_million, range(4))",
    "list(haid.Pool(2).imap_unordered(draw, range(20)))",
    "haid.Pool(2).map(draw_late, range(2000))",
    "haid.Pool(3).starmap(lambda a, b: numpy.random.randint(b), [(1, 2)] * 9)",
    "[result.get() for result in [pool.apply_async(draw, (1,)) for pool in [haid.Pool(2)] for _ in range(9)]]",
    "list(haid.ProcessPoolExecutor(2).map(draw, range(20)))",
    "haid.Pool(2, maxtasksperchild=5).map(draw, range(20))",
])
def test_every_way_to_draw(call):
    assert told(call, "-W", "ignore::ResourceWarning") == 1


@pytest.mark.parametrize("call", [
    "haid.Pool(2).map(draw_of_a_stream, range(20))",
    "haid.Pool(2).map(seed_and_draw, range(20))",
    "haid.Pool(2, lambda: numpy.random.seed(os.getpid())).map(draw_a_million, range(4))",
    "haid.Pool(2, numpy.random.seed).map(draw, range(20))",
    "haid.Pool(2, numpy.random.rand).map(len, ['a'] * 20)",
    "haid.Pool(1).map(draw_late, range(200))",
    "haid.get_context('spawn').Pool(2).map(numpy.random.rand, [1, 2, 3])",
    "haid.ThreadPool(2).map(draw, range(20))",
])
def test_nothing_is_told_where_nothing_is_wrong(call):
    assert told(call, "-W", "ignore::ResourceWarning") == 0


def test_other_generators_in_numpys_place():
    assert told("""
        if hasattr(numpy.random, "set_bit_generator"):
            numpy.random.set_bit_generator(numpy.random.PCG64(1))
            with haid.Pool(2) as pool:
                pool.map(draw, range(20))
    """) == 0


def test_without_numpy_nothing_is_imported():
    head = """
        import sys
        import haid
    """
    assert run("""
        with haid.Pool(2) as pool:
            print(pool.map(lambda _: "numpy" in sys.modules, range(3)))
    """, head=head).stdout == "[False, False, False]\n"


def test_where_warnings_are_errors_it_is_one_of_an_item():
    assert run("""
        with haid.Pool(2) as pool:
            try:
                pool.map(draw, range(20))
            except RuntimeWarning as error:
                print(str(error)[:24])
            print(pool.map(abs, [-1]))
    """, "-W", "error::RuntimeWarning").stdout == "numpy's global generator\n[1]\n"


def test_where_warnings_are_ignored_nothing_is_told():
    assert told("""
        import warnings
        warnings.simplefilter("ignore", RuntimeWarning)
        with haid.Pool(2) as pool:
            pool.map(draw, range(20))
    """) == 0


def test_a_pool_within_an_item_changes_nothing():
    assert told("""
        def with_a_pool(number):
            numpy.random.seed(100 + number)
            with haid.Pool(2) as pool:
                pool.map(abs, range(9))
            return numpy.random.rand()

        with haid.Pool(2) as pool:
            pool.map(with_a_pool, range(9))
    """) == 0
