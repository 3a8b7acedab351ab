# Threads for work that waits, processes for work that computes.
#
#     $ python threads_wait.py
#     8 questions that take 0.1 s each, 8 threads: 0.1 s
#     4 sums, a loop: 0.6 s, 4 threads: 0.6 s, processes: 0.3 s
import time

import haid as mp
from haid.pool import ThreadPool  # also haid.ThreadPool


def ask(question):
    time.sleep(0.1)  # stands for a server that answers after a while
    return f"answer {question}"


def compute(n):
    return sum(i * i for i in range(n))


def seconds(function, *args):
    start = time.perf_counter()
    list(function(*args))
    return time.perf_counter() - start


if __name__ == "__main__":
    # Who waits needs no CPU: more threads than CPUs are fine, and they cost next to nothing.
    with ThreadPool(8) as threads:
        print(f"8 questions that take 0.1 s each, 8 threads: {seconds(threads.map, ask, range(8)):.1f} s")

    # Python lets only one thread at a time compute. Processes have a Python each.
    sums = [2_000_000] * 4
    with mp.Pool() as processes, ThreadPool(4) as threads:  # processes first: threads do not survive the copying
        loop, by_threads, by_processes = (seconds(way, compute, sums) for way in (map, threads.map, processes.map))
    print(f"4 sums, a loop: {loop:.1f} s, 4 threads: {by_threads:.1f} s, processes: {by_processes:.1f} s")
