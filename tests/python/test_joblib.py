"""joblib's Parallel on haid's workers."""
import os
import threading
import time

import joblib
import numpy
import pytest
from joblib import Parallel, delayed

import haid
import haid.joblib

haid.joblib.register()


@pytest.fixture(autouse=True)
def chosen():
    with joblib.parallel_config(backend="haid", n_jobs=2):
        yield


def square(x):
    return x * x


def test_results():
    assert Parallel()(delayed(square)(x) for x in range(100)) == [x * x for x in range(100)]
    assert Parallel()(delayed(lambda x, y: x - y)(x, y=1) for x in range(10)) == list(range(-1, 9))
    assert Parallel()([]) == []
    assert Parallel(n_jobs=1)(delayed(os.getpid)() for _ in range(2)) == [os.getpid()] * 2
    assert os.getpid() not in Parallel(n_jobs=-1 if haid.cpu_count() > 1 else 2)(delayed(os.getpid)() for _ in range(9))


@pytest.mark.parametrize("order", ["generator", "generator_unordered"])
def test_generators(order):
    results = Parallel(return_as=order)(delayed(square)(x) for x in range(50))
    assert sorted(results) == [x * x for x in range(50)]
    left = Parallel(return_as=order)(delayed(time.sleep)(0.01) for _ in range(100))
    next(left)
    with pytest.warns(UserWarning, match="cancelled|not used"):
        del left


def test_errors():
    with pytest.raises(ZeroDivisionError) as caught:
        Parallel()(delayed(lambda x: 1 / x)(x) for x in [1, 0, 2])
    assert "ZeroDivisionError" in str(caught.value.__cause__)
    with Parallel() as parallel:
        with pytest.raises(ValueError):
            parallel(delayed(int)(x) for x in "12x")
        assert parallel(delayed(int)(x) for x in "123") == [1, 2, 3]
    with pytest.raises(TypeError, match="pickle"):
        Parallel()(delayed(square)(threading.Lock()) for _ in range(2))


def test_a_crash_is_an_error():
    with Parallel() as parallel:
        with pytest.raises(haid.WorkerLost) as lost:
            parallel(delayed(os._exit)(3) for _ in range(4))
        assert lost.value.exit_code == 3
        assert parallel(delayed(square)(x) for x in range(4)) == [0, 1, 4, 9]


def test_timeout():
    with pytest.raises(haid.TimeoutError):
        Parallel(timeout=0.2)(delayed(time.sleep)(1000) for _ in range(3))


def test_limits(tmp_path):
    def fails_twice(x):
        with open(tmp_path / str(x), "a") as file:
            file.write("x")
        if (tmp_path / str(x)).stat().st_size < 3:
            os._exit(1)
        return x

    with joblib.parallel_config(backend="haid", retries=2, backoff=0):
        assert Parallel(n_jobs=2, batch_size=1)(delayed(fails_twice)(x) for x in range(3)) == [0, 1, 2]
    with joblib.parallel_config(backend="haid", timeout=0.2), pytest.raises(haid.TimeoutError):
        Parallel(n_jobs=2)(delayed(time.sleep)(1000) for _ in range(2))


def test_initializer():
    with joblib.parallel_config(backend="haid", initializer=os.environ.update, initargs=({"HAID_TEST": "seen"},)):
        assert set(Parallel(n_jobs=2)(delayed(lambda: os.getenv("HAID_TEST"))() for _ in range(4))) == {"seen"}


@pytest.mark.parametrize("inner", [None, "haid", "threading"])
def test_nested(inner):
    def sums(x):
        with joblib.parallel_config(backend=inner) if inner else joblib.parallel_config():
            return sum(Parallel(n_jobs=2)(delayed(lambda y: x * y)(y) for y in range(5)))

    assert Parallel()(delayed(sums)(x) for x in range(4)) == [10 * x for x in range(4)]


def test_from_threads():
    results = {}

    def use(number):
        with joblib.parallel_config(backend="haid", n_jobs=2):
            results[number] = Parallel()(delayed(square)(x + number) for x in range(20))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert results == {number: [(x + number) ** 2 for x in range(20)] for number in range(4)}


def test_arrays():
    large = numpy.arange(1_000_000.0)

    def change(array):
        array *= 2
        return array

    for changed in Parallel()(delayed(change)(large) for _ in range(4)):
        assert (changed == 2 * large).all() and changed.flags.writeable
    assert large[-1] == 999_999
    assert (Parallel()(delayed(lambda: large[:10])() for _ in range(2))[1] == large[:10]).all()


def test_threads_of_a_worker():
    def openmp():
        return os.environ.get("OMP_NUM_THREADS"), os.environ["HAID_CPUS"]

    before = dict(os.environ)
    if "OMP_NUM_THREADS" not in os.environ:
        assert Parallel()(delayed(openmp)() for _ in range(2)) == [("1", "1")] * 2
    assert os.environ == before


def test_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV, cross_val_score

    inputs, classes = datasets.load_iris(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=10, random_state=0, n_jobs=2)
    assert forest.fit(inputs, classes).score(inputs, classes) > 0.9
    search = GridSearchCV(RandomForestClassifier(n_estimators=5, random_state=0), {"max_depth": [1, 3]}, n_jobs=2)
    assert search.fit(inputs, classes).best_params_ == {"max_depth": 3}
    scores = cross_val_score(forest, inputs, classes, scoring=lambda model, x, y: model.score(x, y), n_jobs=2)
    assert len(scores) == 5 and min(scores) > 0.8
