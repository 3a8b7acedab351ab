"""One contestant of the benchmark of the Python package, in a process of its own.

python_contestants.py LIBRARY MEASURE SECONDS      SECONDS: about as long is measured; names and figures are printed
"""
import collections
import itertools
import sys
import time

from python_tasks import ARRAY_BYTES, f, make, size_of

WORKERS = 2
ARRAYS = 8  # of one pass
STRINGS = 1_000_000
TOGETHER = 100  # strings that are sent together, where a library leaves that to its user


def consume(results):
    collections.deque(results, maxlen=0)


class PoolLike:
    """What has the interface of multiprocessing.Pool."""

    def __init__(self, Pool):
        self.Pool = Pool

    def start(self):
        return self.Pool(WORKERS)

    def end(self, pool):
        pool.close()
        pool.join()

    def default_map(self, pool, function, items):
        return pool.map(function, items)

    def map(self, pool, function, items, together=1):
        return pool.map(function, items, chunksize=together)

    def imap(self, pool, function, items, together=1):
        return pool.imap(function, items, chunksize=together)

    def imap_unordered(self, pool, function, items):
        return pool.imap_unordered(function, items)

    def apply(self, pool, function, item):
        return pool.apply(function, (item,))


class Executor:
    def start(self):
        from concurrent.futures import ProcessPoolExecutor

        return ProcessPoolExecutor(WORKERS)

    def end(self, pool):
        pool.shutdown()

    def default_map(self, pool, function, items):
        return list(pool.map(function, items))

    def map(self, pool, function, items, together=1):
        return list(pool.map(function, items, chunksize=together))

    def imap(self, pool, function, items, together=1):
        return pool.map(function, items, chunksize=together)

    def imap_unordered(self, pool, function, items):
        from concurrent.futures import as_completed

        waiting = {pool.submit(function, item) for item in items}
        for future in as_completed(waiting):
            waiting.discard(future)
            yield future.result()

    def apply(self, pool, function, item):
        return pool.submit(function, item).result()


class Joblib:
    """Its workers start with the first call, and stay for the next one."""

    def start(self):
        return None

    def end(self, pool):
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)

    def _run(self, function, items, **settings):
        from joblib import Parallel, delayed

        return Parallel(n_jobs=WORKERS, **settings)(delayed(function)(item) for item in items)

    def default_map(self, pool, function, items):
        return self._run(function, items)

    def map(self, pool, function, items, together=1):
        return self._run(function, items, batch_size=together)

    def imap(self, pool, function, items, together=1):
        return self._run(function, items, batch_size=together, return_as="generator")

    def imap_unordered(self, pool, function, items):
        return self._run(function, items, batch_size=1, return_as="generator_unordered")


class Mpire:
    def start(self):
        from mpire import WorkerPool

        return WorkerPool(n_jobs=WORKERS, keep_alive=True)

    def end(self, pool):
        pool.stop_and_join()

    def default_map(self, pool, function, items):
        return pool.map(function, items)

    def map(self, pool, function, items, together=1):
        return pool.map(function, items, chunk_size=together)

    def imap(self, pool, function, items, together=1):
        return pool.imap(function, items, chunk_size=together)

    def imap_unordered(self, pool, function, items):
        return pool.imap_unordered(function, items, chunk_size=1)

    def apply(self, pool, function, item):
        return pool.apply(function, (item,))


def library(name):
    if name == "haid":
        import haid

        return PoolLike(haid.Pool)
    if name == "multiprocessing":
        import multiprocessing

        return PoolLike(multiprocessing.Pool)
    if name == "ray":
        import ray
        from ray.util.multiprocessing import Pool

        ray.init(num_cpus=WORKERS, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
        return PoolLike(Pool)
    return {"ProcessPoolExecutor": Executor, "joblib": Joblib, "mpire": Mpire}[name]()


def growing(repeat, seconds, first=1):
    """The seconds of one repetition: more and more of them are made, until that takes long enough."""
    repeat(first)
    count = first
    while True:
        began = time.perf_counter()
        repeat(count)
        took = time.perf_counter() - began
        if took >= seconds / 2:
            return {"seconds": took / count}
        count = max(2 * count, min(50 * count, round(count * seconds / took)))


def tasks(call):
    """Of one task among many."""

    def measure(found, seconds):
        pool = found.start()
        result = growing(lambda count: consume(call(found, pool, count)), seconds, 100)
        found.end(pool)
        return result

    return measure


def arrays(function, inputs):
    """Of one array. Each pass has new ones: who has seen an array may remember it."""

    def measure(found, seconds):
        pool = found.start()
        spent, count = 0.0, 0
        for number in itertools.count():
            items = inputs()
            began = time.perf_counter()
            consume(map(size_of, found.imap_unordered(pool, function, items)) if function is make else
                    found.imap_unordered(pool, function, items))
            took = time.perf_counter() - began
            if number >= 2:  # the first ones warm up both workers
                spent, count = spent + took, count + ARRAYS
            if spent >= seconds / 2:
                break
        found.end(pool)
        return {"seconds": spent / count}

    return measure


def new_arrays():
    import numpy

    return [numpy.full(ARRAY_BYTES // 8, 1.0) for _ in range(ARRAYS)]


def start(end):
    """Of a pool with one map of an item for each worker."""

    def measure(found, seconds):
        def repeat(count):
            for _ in range(count):
                end(found)

        return growing(repeat, seconds)

    return measure


def closed(found):
    pool = found.start()
    consume(found.map(pool, f, range(WORKERS)))
    found.end(pool)


def with_block(found):
    with found.start() as pool:
        consume(found.map(pool, f, range(WORKERS)))


def process(Process):
    def repeat(count):
        for _ in range(count):
            child = Process(target=f, args=(1,))
            child.start()
            child.join()

    return repeat


def memory(call):
    """The peak of this process. It is not that of its parent, which getrusage would tell."""

    def measure(found, seconds):
        pool = found.start()
        consume(call(found, pool, (f"{number:0100}" for number in range(STRINGS))))
        found.end(pool)
        with open("/proc/self/status") as status:
            (kib,) = (line.split()[1] for line in status if line.startswith("VmHWM:"))
        return {"bytes": int(kib) * 1024}

    return measure


MEASURES = {
    "map_one": tasks(lambda found, pool, count: found.map(pool, f, range(count))),
    "map": tasks(lambda found, pool, count: found.default_map(pool, f, range(count))),
    "imap_unordered": tasks(lambda found, pool, count: found.imap_unordered(pool, f, range(count))),
    "imap": tasks(lambda found, pool, count: found.imap(pool, f, range(count))),
    "imap_generator": tasks(lambda found, pool, count: found.imap(pool, f, (number for number in range(count)))),
    "apply": tasks(lambda found, pool, count: (found.apply(pool, f, number) for number in range(count))),
    "argument": arrays(size_of, new_arrays),
    "result": arrays(make, lambda: [0] * ARRAYS),
    "closed": start(closed),
    "with": start(with_block),
    "memory_imap": memory(lambda found, pool, items: found.imap(pool, f, items, TOGETHER)),
    "memory_map": memory(lambda found, pool, items: found.map(pool, f, items, TOGETHER)),
}


def main():
    name, measure, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if measure == "process":
        module = __import__(name)
        figures = growing(process(module.Process), seconds)
    else:
        figures = MEASURES[measure](library(name), seconds)
    for figure, value in figures.items():
        print(f"{figure}\t{value!r}")


if __name__ == "__main__":
    main()
