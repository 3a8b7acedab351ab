"""Arrays are never shared between those who think that they have their own."""
import os

import numpy as np
import pytest

import haid
from breaking import kill_myself


def spoil(array):
    total = float(array.sum())
    array[:] = -1
    return total


def test_writing_to_an_argument_is_nobody_elses_affair(pool):
    array = np.ones(300_000)
    assert pool.map(spoil, [array] * 10) == [300_000] * 10
    assert (array == 1).all()
    result = pool.apply(np.copy, (array,))
    result[:] = 2
    assert (array == 1).all()


def test_a_retry_sees_the_argument_as_it_was(pool, tmp_path):
    def spoil_twice(array, tries=tmp_path / "tries"):
        with open(tries, "a") as file:
            file.write("x")
        total = spoil(array)
        way = tries.stat().st_size
        if way == 1:
            raise ValueError("once more")
        if way == 2:
            kill_myself()
        return total

    assert pool.map(spoil_twice, [np.ones(300_000)], retries=2, backoff=0) == [300_000]


kept = []


def keep(array):
    kept.append(array)
    return os.getpid()


def look(_):
    return os.getpid(), [(float(array[0]), bool((array == array[0]).all())) for array in kept]


@pytest.mark.parametrize("size", [100, 5_000, 100_000])
def test_arguments_that_are_kept_stay_right(size):
    with haid.Pool(1) as pool:
        pool.map(keep, (np.full(size, float(i)) for i in range(20)))
        for _ in range(5):
            pool.map(spoil, (np.full(size, -7.0) for i in range(20)))
        (_, seen), = pool.map(look, [0])
        assert seen == [(float(i), True) for i in range(20)]


def is_whole(array):
    return bool((array == array[0]).all())


def full_of(number):
    return np.full(200_000, float(number))


def test_results_that_nobody_keeps(tmp_path):
    def check(array):
        with open(tmp_path / "seen", "a") as file:
            file.write(f"{is_whole(array)}\n")

    pool = haid.Pool(2)
    for _ in range(20):
        pool.map_async(check, [full_of(i) for i in range(20)])
        others = [full_of(-i) for i in range(20)]
    del others
    pool.close()
    pool.join()
    assert (tmp_path / "seen").read_text().split() == ["True"] * 400


def test_an_imap_that_is_left(pool):
    for _ in range(5):
        results = pool.imap(is_whole, (full_of(i) for i in range(50)))
        assert next(results) is True
        del results
        others = [full_of(-i) for i in range(50)]
    assert pool.map(is_whole, others) == [True] * 50


def test_all_kinds_of_arrays(pool):
    arrays = [
        np.arange(100_000, dtype=np.int16),
        np.asfortranarray(np.arange(60_000.0).reshape(200, 300)),
        np.arange(200_000.0)[::2],
        np.zeros((0, 5)),
        np.array([b"some", b"bytes"] * 9000),
        np.array([None, "objects", 3]),
        np.zeros(30_000, dtype=[("x", "f8"), ("n", "i4")]),
        np.float64(3),
        np.array(7),
    ]
    fixed = np.arange(50_000)
    fixed.flags.writeable = False
    arrays.append(fixed)
    for copies in pool.map(np.array, arrays), list(pool.imap(same, arrays)):
        for array, copy in zip(arrays, copies, strict=True):
            assert copy.dtype == array.dtype and copy.shape == array.shape
            assert (copy == array).all()
            assert not np.shares_memory(array, copy)
    assert pool.map(may_be_written, arrays[:4]) == [True] * 4
    assert pool.apply(may_be_written, (fixed,)) is False


def same(value):
    return value


def may_be_written(array):
    return array.flags.writeable


def test_one_array_twice_in_an_item_is_one(pool):
    array = np.ones(100_000)
    assert pool.apply(spoil_both, (array, array)) == (-1, -1)
    assert pool.map(spoil_pair, [(array, array)]) == [(-1, -1)]


def spoil_pair(pair):
    return spoil_both(*pair)


def spoil_both(one, other):
    one[:] = -1
    return one[0], other[0]


def test_results_are_the_callers_own(pool):
    results = pool.map(full_of, [1, 1, 2])
    results[0][:] = 5
    assert (results[1] == 1).all() and (results[2] == 2).all()
    assert all(result.flags.writeable and result.flags.aligned for result in results)
