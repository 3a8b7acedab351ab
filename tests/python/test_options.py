"""What can be said of a pool: by every way to a pool the same, checked before anything starts."""
import os

import joblib
import pytest

import haid
from haid import futures

haid.joblib.register()


def niceness(_):
    return os.nice(0)


def by_pool(**options):
    with haid.Pool(2, **options) as pool:
        return pool.map(niceness, range(4))


def by_executor(**options):
    with futures.ProcessPoolExecutor(2, **options) as executor:
        return list(executor.map(niceness, range(4)))


def by_joblib(**options):
    with joblib.parallel_config(backend="haid", **options):
        return joblib.Parallel(n_jobs=2)(joblib.delayed(niceness)(number) for number in range(4))


def by_spawn(**options):
    with haid.get_context("spawn").Pool(2, **options) as pool:
        return pool.map(niceness, range(4))


ways = pytest.mark.parametrize("way", [by_pool, by_executor, by_joblib, by_spawn])


@ways
def test_nice_is_added_in_each_worker(way):
    here = os.nice(0)
    assert way(nice=3) == [min(here + 3, 19)] * 4
    assert way() == [here] * 4
    assert os.nice(0) == here


def test_workers_that_replace_others_are_as_nice():
    with haid.Pool(2, maxtasksperchild=2, nice=2) as pool:
        assert set(pool.map(niceness, range(20), chunksize=1)) == {min(os.nice(0) + 2, 19)}


@ways
@pytest.mark.parametrize("options, error, said", [
    ({"nice": 20}, ValueError, "a pool's `nice` cannot be 20: it is -20 to 19"),
    ({"nice": 2**70}, ValueError, f"`nice` cannot be {2**70}"),
    ({"nice": "3"}, TypeError, "nice must be a whole number, not '3': int('3') is one"),
    ({"nodes": "everywhere"}, ValueError, "nodes is 'everywhere', but can be 'slurm'"),
])
def test_what_cannot_be_is_told(way, options, error, said):
    with pytest.raises(error) as raised:
        way(**options)
    assert said in str(raised.value)


@pytest.mark.parametrize("way", [by_pool, by_executor, by_spawn])
def test_what_there_is_not_is_told_with_what_there_is(way):
    with pytest.raises(TypeError, match="there is no option 'nise': a pool has .*nodes and nice"):
        way(nise=1)


@pytest.mark.parametrize("option", [{"nice": 1}, {"nodes": "slurm"}, {"maxtasksperchild": 3}])
def test_threads_refuse_what_only_processes_have(option):
    with pytest.raises(TypeError, match=f"there is no option '{next(iter(option))}': a ThreadPool has"):
        haid.ThreadPool(2, **option)
