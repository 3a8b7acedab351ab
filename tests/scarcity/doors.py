"""The doors of the Python package, each used once under every limit:

    doors.py DOOR descriptors|processes

Writes a line of JSON for each limit: [limit, exit status or null, whether something was left, what it said]. A limit of
processes is that of a user whom nobody else is.
"""
import contextlib
import json
import os
import resource
import sys

import haid
import sweep

WORKERS = 2
INPUTS = range(20)
EXPECTED = [2 * x for x in INPUTS]


def twice(x):
    return 2 * x


def pool():
    with haid.Pool(WORKERS) as pool:
        return pool.map(twice, INPUTS)


def background():
    with haid.Pool(WORKERS) as pool:
        return pool.map_async(twice, INPUTS).get()


def callback():
    results = []
    with haid.Pool(WORKERS) as pool:
        pool.map_async(twice, INPUTS, callback=results.extend).get()
    return results


def imap():
    with haid.Pool(WORKERS) as pool:
        return list(pool.imap(twice, (x for x in INPUTS)))


def executor():
    from haid import futures

    with futures.ProcessPoolExecutor(WORKERS) as executor:
        return [future.result() for future in [executor.submit(twice, x) for x in INPUTS]]


def spawn():
    with haid.get_context("spawn").Pool(WORKERS) as pool:
        return pool.map(twice, INPUTS)


def threads():
    with haid.pool.ThreadPool(WORKERS) as pool:
        return pool.map(twice, INPUTS)


def process():
    return of_processes(haid)


def spawned_process():
    return of_processes(haid.get_context("spawn"))


def of_processes(context):
    processes = [context.Process(target=twice, args=(1,)) for _ in range(WORKERS)]
    try:
        for process in processes:
            process.start()
    finally:
        for process in processes:
            with contextlib.suppress(AssertionError):  # of one that was not started
                process.join()
    # What a program that was started finds no descriptor for is its own affair: it says so, and fails.
    return EXPECTED if all(process.exitcode is not None for process in processes) else None


DOORS = {function.__name__: function for function in (pool, background, callback, imap, executor, spawn, threads, process,
                                                      spawned_process)}


def main(door, limited):
    def body(limit):
        if limited == "descriptors":
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        else:
            resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
            os.setuid(1_000_000 + os.getpid())
        try:
            result = DOORS[door]()
            text = "right" if result == EXPECTED else f"wrong: {result}"
        except Exception as error:
            text = f"error: {error}"
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        sys.exit(0)  # as a program ends: what waits at its end is a part of the run

    for run in sweep.sweep(sweep.LIMITS[limited], lambda limit: sweep.forked(limit, body)):
        print(json.dumps([run.limit, run.status, run.left, run.text]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
