"""haid.install(): libraries that import multiprocessing themselves get haid's, and haid.uninstall() takes it back."""
import haid
from breaking import run_script

IS_IT = """
import concurrent.futures, multiprocessing, multiprocessing.pool, sys, warnings
import haid

def square(x): return x * x

def pools():
    from concurrent.futures import ProcessPoolExecutor
    yield multiprocessing.Pool(2)
    yield multiprocessing.pool.Pool(2)
    yield multiprocessing.get_context("fork").Pool(2)
    yield ProcessPoolExecutor(2)
    yield concurrent.futures.process.ProcessPoolExecutor(max_workers=2)

def are_haids():
    found = []
    for pool in pools():
        with pool:
            assert list(pool.map(square, range(5))) == [0, 1, 4, 9, 16]
            found.append(isinstance(pool, (haid.pool.Pool, haid.ProcessPoolExecutor)))
    return found
"""


def test_install_and_uninstall(tmp_path):
    out = run_script(tmp_path, IS_IT + """
from multiprocessing import Pool as TakenBefore
names = {name: getattr(multiprocessing, name) for name in multiprocessing.__all__}
print(are_haids())
haid.uninstall()
for _ in range(2):
    haid.install()
    haid.install()
    print(are_haids())
    with TakenBefore(2) as pool:
        print(type(pool) is haid.pool.Pool)
    print(type(multiprocessing.Lock()) is haid.synchronize.Lock, multiprocessing.cpu_count() == haid.cpu_count())
    haid.uninstall()
    haid.uninstall()
    print(are_haids())
print(all(getattr(multiprocessing, name) is value for name, value in names.items()))
""")
    none, all_of_them = f"{[False] * 5}\n", f"{[True] * 5}\nTrue\nTrue True\n"
    assert out == none + (all_of_them + none) * 2 + "True\n"


def test_haid_itself_goes_on(tmp_path):
    out = run_script(tmp_path, IS_IT + """
import multiprocessing.managers
haid.install()

def child(queue, lock):
    with lock:
        queue.put(sum(multiprocessing.Pool(2).map(square, range(3))))

class Own(multiprocessing.pool.Pool):
    pass

if __name__ == "__main__":
    for method in ["fork", "spawn", "forkserver"]:
        context = haid.get_context(method)
        with context.Pool(2) as pool:
            assert pool.map(square, [3]) == [9]
        queue, lock = context.Queue(), context.Lock()
        process = context.Process(target=child, args=(queue, lock))
        process.start()
        assert queue.get() == 5
        process.join()
        with haid.ProcessPoolExecutor(1, context) as executor:
            assert executor.submit(square, 4).result() == 16
    for kind in [haid.ThreadPool, multiprocessing.pool.ThreadPool, Own]:
        with kind(2) as pool:
            assert pool.map(square, [5]) == [25] and list(pool.imap(square, [6])) == [36]
    with multiprocessing.Manager() as manager:
        assert list(manager.list([1])) == [1]
        with manager.Pool(1) as pool:
            assert pool.map(square, [7]) == [49]
""")
    assert out == ""


def test_what_was_given_out_before_is_said(tmp_path):
    (tmp_path / "library.py").write_text("from multiprocessing import Lock as MyLock, Pool, Process\n")
    out = run_script(tmp_path, """
import warnings
import library
from multiprocessing import Queue
import haid
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    haid.install()
    haid.install()
for one in caught:
    print(one.category.__name__, one.filename == __file__, one.message)
""")
    (line,) = out.splitlines()
    assert line.startswith("RuntimeWarning True ") and "__main__ (Queue); library (Lock, Process)" in line


def test_joblib_and_tqdm(tmp_path):
    source = """
{first}
import haid
haid.install()
import joblib
from tqdm.contrib.concurrent import process_map

def backend(**options):
    with joblib.parallel_config(n_jobs=2, **options):
        return type(joblib.parallel.get_active_backend()[0]).__module__

if __name__ == "__main__":
    print(backend(), backend(backend="multiprocessing"), backend(backend="threading"), backend(backend="loky"))
    print(sorted(joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(x) for x in [-1, 2])))
    print(joblib.Parallel(n_jobs=2, backend="multiprocessing")(joblib.delayed(lambda x: -x)(x) for x in [1, 2]))
    print(process_map(lambda x: x * 2, range(3), max_workers=2, disable=True))
    haid.uninstall()
    print(backend(), backend(backend="multiprocessing"))
"""
    expected = ("haid.joblib haid.joblib joblib._parallel_backends joblib._parallel_backends\n[1, 2]\n[-1, -2]\n[0, 2, 4]\n"
                "joblib._parallel_backends joblib._parallel_backends\n")
    assert run_script(tmp_path, source.replace("{first}", "")) == expected
    assert run_script(tmp_path, source.replace("{first}", "import joblib")) == expected


def test_it_is_there():
    assert {"install", "uninstall", "__version__"} <= set(dir(haid))
