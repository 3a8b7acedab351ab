"""Read by mypy --strict, never run. An "ignore" that is not needed is an error too: what is wrong must be refused."""
import multiprocessing.pool
import multiprocessing.synchronize
from concurrent.futures import Future

from typing_extensions import assert_type

import haid
import haid as mp
from haid import Process, ProcessPoolExecutor, Queue, ThreadPool, cpu_count, managers
from haid.connection import Connection
from haid.futures import ThreadPoolExecutor
from haid.pool import AsyncResult, IMapIterator, Pool
from haid.shared_memory import SharedMemory


def half(number: int) -> float:
    return number / 2


def power(base: int, exponent: int) -> int:
    return int(base**exponent)


def whole_pool(pool: Pool) -> None:
    assert_type(pool.map(half, [1, 2], timeout=3, retries=2, backoff=0.5, progress=True), list[float])
    assert_type(pool.map(lambda number: str(number), range(3), 10), list[str])
    assert_type(pool.starmap(power, [(1, 2)], retries=1), list[int])
    assert_type(pool.apply(power, (2, 3), {}, timeout=1.5), int)
    assert_type(pool.imap(half, iter([1]), buffersize=8, progress=True), IMapIterator[float])
    assert_type(next(pool.imap_unordered(half, [1], 4, timeout=1)), float)
    assert_type(pool.imap(half, [1]).next(timeout=1), float)
    later = pool.map_async(half, [1], callback=print, error_callback=print, retries=1)
    assert_type(later, AsyncResult[list[float]])
    assert_type(later.get(1), list[float])
    assert_type(pool.apply_async(half, (1,), timeout=3).get(), float)
    assert_type(pool.starmap_async(power, [(1, 2)]).get(), list[int])

    assert_type(pool.istarmap(power, [(1, 2)], retries=1), IMapIterator[int])
    assert_type(next(pool.istarmap_unordered(power, [(1, 2)], None, timeout=1)), int)
    theirs: multiprocessing.pool.Pool = pool

    pool.map(half, ["one"])  # type: ignore[arg-type]
    pool.map(half, [1], timeout="10")  # type: ignore[arg-type]
    pool.map(half, [1], retires=1)  # type: ignore[call-arg]
    pool.map(half, [1], buffersize=1)  # type: ignore[call-arg]
    pool.map_async(half, [1], progress=True)  # type: ignore[call-arg]
    pool.imap(half, 3)  # type: ignore[arg-type]
    pool.mapp(half, [1])  # type: ignore[attr-defined]
    later.get().append("text")  # type: ignore[arg-type]


def in_their_place() -> None:
    haid.install()
    haid.uninstall()
    haid.uninstall(1)  # type: ignore[call-arg]
    assert_type(haid.__version__, str)
    started: list[haid.futures.Future[float]] = [ThreadPoolExecutor().submit(half, 1)]
    assert_type(next(haid.futures.as_completed(started)).result(), float)
    haid.futures.wait(started, return_when=haid.futures.FIRST_COMPLETED)


def drop_in() -> None:
    with mp.Pool(processes=4, initializer=print, initargs=("begin",), maxtasksperchild=10) as pool:
        whole_pool(pool)
    with haid.get_context("fork").Pool(2) as pool:
        whole_pool(pool)
    assert_type(mp.get_context("spawn").Pool(2), Pool)
    process = Process(target=half, args=(1,), daemon=True)
    process.start()
    assert_type(process.exitcode, int | None)
    lock = mp.Lock()
    with lock, mp.RLock():
        assert_type(lock.acquire(timeout=1), bool)
    standard: multiprocessing.synchronize.Lock = lock
    queue: mp.queues.Queue[int] = Queue()
    queue.put(cpu_count())
    ours, theirs = mp.Pipe()
    end: Connection = ours
    manager: managers.SyncManager = mp.Manager()
    manager.shutdown()
    SharedMemory(create=True, size=1).unlink()
    print(standard, end, theirs, mp.Value("i", 0).value, mp.current_process().name)

    mp.Pool("4")  # type: ignore[arg-type]
    mp.cpu_count(1)  # type: ignore[call-arg]
    Process(traget=half)  # type: ignore[call-arg]


def own() -> None:
    with ThreadPool(8) as threads:
        assert_type(threads.map(half, [1], retries=2, progress=True), list[float])
        assert_type(threads.apply_async(half, (1,), retries=2).get(), float)
        assert_type(next(threads.imap(half, [1], buffersize=2)), float)
        threads.map(half, [1], timeout=3)  # type: ignore[call-arg]
    assert_type(haid.dummy.Pool(3), ThreadPool)
    assert_type(haid.get_context("spawn").Pool(2, nice=5, nodes="slurm"), Pool)
    haid.get_context().Pool(2, nise=5)  # type: ignore[call-arg]
    Pool(2, nice="5")  # type: ignore[arg-type]
    Pool(nodes="everywhere")  # type: ignore[arg-type]
    ProcessPoolExecutor(2, nice=5, nodes=None).shutdown()
    ProcessPoolExecutor(2, nice=5.5)  # type: ignore[arg-type]
    with ProcessPoolExecutor(max_workers=2, max_tasks_per_child=3) as executor:
        future: Future[float] = executor.submit(half, 1)
        executor.submit(half, "one")  # type: ignore[arg-type]
        assert_type(list(executor.map(half, [1], buffersize=4)), list[float])
        print(future.result())
    assert_type(haid.item_index(), int | None)
    haid.stream(1, 2).random()
    haid.stream([1, 2])
    haid.stream("1")  # type: ignore[arg-type]
    try:
        outcomes = haid.run(["true", ["printf", "%s", 1]], 2, timeout="200%", check=True)
        assert_type(outcomes[0].stdout, str)
        assert_type(outcomes[0].ok, bool)
        outcomes[0].exit_code = 1  # type: ignore[misc]
        haid.run(["true"], timout=1)  # type: ignore[call-arg]
    except haid.CommandsFailed as failed:
        assert_type(failed.outcomes, list[haid.Outcome])
    except haid.WorkerLost as lost:
        assert_type(lost.exit_code, int)
        print(lost.signal.name)  # type: ignore[union-attr]
    except haid.TaskError as error:
        assert_type(error.type_name, str)
    except (haid.TimeoutError, haid.OwnerDied, haid.PoolError, haid.PoolClosed, haid.futures.BrokenProcessPool):
        pass
