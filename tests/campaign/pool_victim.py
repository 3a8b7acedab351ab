"""pool_victim.py KIND WORKERS ITEMS: what a campaign breaks at Python's door; it leaves and tells what pool_victim.cpp does."""
import os
import sys
import threading
import time

import haid

STUBBORN = {"retries": 12, "backoff": 0.001}  # 4 s in all, where nothing ever works


def work(item):
    os.close(os.open(f"done/{item}.{os.getpid()}", os.O_CREAT | os.O_WRONLY, 0o666))
    time.sleep(item % 8 / 1000)
    return item * item


def work_on(items):
    for item in items:
        work(item)


def tell(values):
    for item, value in enumerate(values):
        print(item, value)


def in_processes(workers, items):
    processes = [haid.Process(target=work_on, args=(items[worker::workers],)) for worker in range(workers)]
    for process in processes:
        process.start()
    for worker, process in enumerate(processes):
        process.join()
        for item in items[worker::workers]:
            print(item, item * item if process.exitcode == 0 else "lost")


def one_after_another(results, items):
    """What is lost does not say which it was."""
    for _ in items:
        try:
            value = next(results)
            print(round(value**0.5), value)
        except haid.WorkerLost:
            print("?", "lost")


def with_callbacks(pool, items):
    values, ended = {}, threading.Semaphore(0)

    def keep(item):
        def callback(value):
            values[item] = value
            ended.release()
        return callback

    for item in items:
        pool.apply_async(work, (item,), callback=keep(item), error_callback=keep(item), **STUBBORN)
    for _ in items:
        ended.acquire()
    for item in items:
        if isinstance(values[item], haid.PoolError):  # the pool cannot go on: as where a call is waited for
            raise values[item]
        print(item, "lost" if isinstance(values[item], haid.WorkerLost) else values[item])


def with_executor(workers, items):
    with haid.ProcessPoolExecutor(workers) as executor:
        futures = [executor.submit(work, item) for item in items]
        for item, future in enumerate(futures):
            print(item, "lost" if isinstance(future.exception(), haid.WorkerLost) else future.result())


def run(kind, workers, items):
    if kind == "process":
        return in_processes(workers, items)
    if kind == "executor":
        return with_executor(workers, items)
    context = haid.get_context("spawn" if kind == "spawn" else "fork")
    with context.Pool(workers) as pool:
        if kind == "imap":
            one_after_another(pool.imap_unordered(work, items), items)
        elif kind == "later":
            tell(pool.map_async(work, items, **STUBBORN).get())
        elif kind == "callbacks":
            with_callbacks(pool, items)
        else:
            tell(pool.map(work, items, **STUBBORN))


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), list(range(int(sys.argv[3]))))
    print("end")
