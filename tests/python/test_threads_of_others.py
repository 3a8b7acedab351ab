"""Threads that libraries have started, which a forked process does not have."""
from breaking import run_script

THREADS_OF_POLARS = """
import sys, threading, types, warnings
import haid

def run(name):
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as file:
        file.write(name)
    there.set()
    end.wait()

def forks():
    with haid.Pool(1) as pool:
        assert pool.map(abs, [-1]) == [1]
    process = haid.Process(target=abs, args=(-1,))
    process.start()
    process.join()
    assert process.exitcode == 0

def warnings_of_forks():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forks()
    return [one for one in caught if "has started its threads" in str(one.message)]

end, there = threading.Event(), threading.Event()
assert not warnings_of_forks()
threading.Thread(target=run, args=("polars-0",), daemon=True).start()
there.wait()
assert not warnings_of_forks(), "a thread of that name, and no such library"
sys.modules["polars"] = types.ModuleType("polars")
for one in warnings_of_forks():
    print(one.category.__name__, one.filename == __file__, "spawn" in str(one.message))
with warnings.catch_warnings(record=True) as caught, haid.get_context("spawn").Pool(1) as pool:
    assert pool.map(abs, [-1]) == [1]
assert not caught
end.set()
"""


def test_threads_of_a_library_that_hangs_are_said(tmp_path):
    """Of polars, which tells by the names of its threads that it has them."""
    source = 'if __name__ == "__main__":\n    ' + THREADS_OF_POLARS.strip().replace("\n", "\n    ")
    assert run_script(tmp_path, source) == "RuntimeWarning True True\n" * 2
