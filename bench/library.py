"""The benchmark of the C++ library: haid beside what is possible at all, and beside its peers, all in one run.

./dev bench library [--quick] [--rounds N] [--program PATH]
"""
import os
import pathlib
import resource
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
from measuring import (  # noqa: E402
    BUILT, Contest, Failure, argument_parser, exit_status, figures, machine, parse_arguments, print_outcome, ratios)

TIME_LIMIT = 60  # seconds, for each contestant in each round
POOL, FORKED, LIMIT, TBB, OPENMP, ASYNC, NAIVE = ("Pool", "haid::map", "limit", "oneTBB", "OpenMP", "std::async",
                                                  "naive pool")
COLUMNS = ("what", POOL, FORKED, LIMIT, "haid / limit", TBB, OPENMP, ASYNC, NAIVE)
MAP_ITEMS = 10_000_000
GIB = 1 << 30
THREADS = ("tbb", "openmp", "async")
COMPILED = pathlib.Path(__file__).resolve().parent / "library/compiled"
INCLUDE = COMPILED.parents[2] / "include"
COMPILERS = ("g++", "clang++-16")
HEADERS = {POOL: "pool", FORKED: "forked", LIMIT: "thread_pool", TBB: "tbb", ASYNC: "async"}
CONTESTANTS = ("map.pool", "map.forked", "map.tbb", "map.openmp", "map.async", "map.naive", "imap.pool", "apply.pool",
               "apply.futex", "apply.pool@one_cpu", "apply.futex@one_cpu", "start.pool", "start.forks",
               "results.pool", "results.copied", "results.warm", "memory.forked", "uneven.pool", "uneven.shared_out",
               "uneven.forked", "uneven.serial", "uneven.tbb", "uneven.openmp", "uneven.async", "lock.haid",
               "lock.shared", *(f"{compiler} {source}" for compiler in COMPILERS for source in HEADERS.values()))


def compile_time(compiler, source):
    """In seconds of a CPU: what others do meanwhile shows least there."""
    command = [compiler, "-std=c++20", "-O2", "-c", "-w", f"-I{INCLUDE}", COMPILED / f"{source}.cpp", "-o", os.devnull]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode != 0:
        raise Failure(f"{compiler}: {result.stderr.strip()[-200:]}")
    return {"seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


class Bench(Contest):
    def __init__(self, program):
        program = str(pathlib.Path(program).absolute())
        self.cpus = round(figures([program, "cpus"], TIME_LIMIT)["cpus"])
        # All rounds have the same uneven tasks: about a second of work.
        turns = str(round(figures([program, "turns"], TIME_LIMIT)["turns"]))
        super().__init__(CONTESTANTS, lambda name: compile_time(*name.split()) if " " in name else
                         figures([program, name, turns], TIME_LIMIT))

    def row(self, what, names, form="{:,.1f} ms", scale=1e3, ratio=(), cells=None):
        """`names`: of the contestants, by column."""
        filled = dict.fromkeys(COLUMNS, "–")
        filled.update({column: self.cell(name, form, scale) for column, name in names.items()})
        filled["haid / limit"] = f"{statistics.median(ratio):.2f}" if ratio else "–"
        self.rows.append([what, *(({**filled, **(cells or {})})[column] for column in COLUMNS[1:])])


def quick_items(bench):
    names = {POOL: "map.pool", FORKED: "map.forked", TBB: "map.tbb", OPENMP: "map.openmp", ASYNC: "map.async"}
    naive = bench.values("map.naive")
    whole = [each * MAP_ITEMS for each in naive]
    scaled = f"{statistics.median(whole):,.0f} s (scaled)" if whole else "failed"
    bench.row(f"map of {MAP_ITEMS:,} ints into a new vector", names, cells={NAIVE: scaled})
    best = [min(of_round) for of_round in zip(*(bench.values(f"map.{peer}") for peer in THREADS))]
    for name, who, most in (("map.pool", "Pool", 1.5), ("map.forked", "haid::map", 2.5)):
        bench.require(f"map of quick items: {who} at most {most} times the time of the best thread library",
                      ratios(bench.values(name), best), lambda found, most=most: found <= most)
    for name, who in (("map.pool", "Pool"), ("map.forked", "haid::map")):
        bench.require(f"map of quick items: {who} at least 100 times as fast as the naive pool",
                      ratios(whole, bench.values(name)), lambda found: found >= 100, "{:,.0f}")


def single_tasks(bench):
    bench.row("imap_unordered one at a time, a task", {POOL: "imap.pool", NAIVE: "map.naive"}, "{:,.0f} ns", 1e9)
    bench.require("imap_unordered: at most 300 ns a task", [one * 1e9 for one in bench.values("imap.pool")],
                  lambda found: found <= 300, "{:,.0f} ns")
    found = bench.ratios("apply.pool", "apply.futex")
    bench.row("apply, a call (limit: futex ping-pong)", {POOL: "apply.pool", LIMIT: "apply.futex"}, "{:,.1f} µs", 1e6,
              found)
    # Two processes on two CPUs wake each other eight times as slowly as on one (a virtual machine): without this row,
    # where the scheduler put them could be taken for a difference.
    bench.row("the same, all on one CPU", {POOL: "apply.pool@one_cpu", LIMIT: "apply.futex@one_cpu"}, "{:,.1f} µs", 1e6,
              bench.ratios("apply.pool@one_cpu", "apply.futex@one_cpu"))
    bench.require("apply: at most 1.5 times a bare futex ping-pong", found, lambda ratio: ratio <= 1.5)


def start(bench):
    found = bench.ratios("start.pool", "start.forks")
    bench.row("a pool's start, a task for each worker, its end (limit: as many forks)",
              {POOL: "start.pool", LIMIT: "start.forks"}, "{:,.2f} ms", 1e3, found)
    bench.require("start of a pool: at most 2 times the bare forks", found, lambda ratio: ratio <= 2)


def much_memory(bench):
    names = {POOL: "results.pool", LIMIT: "results.copied"}
    rates = {column: [GIB / 1e9 / one for one in bench.values(name)] for column, name in names.items()}
    cells = {column: f"{statistics.median(found):.2f} GB/s" if found else "failed" for column, found in rates.items()}
    found = ratios(rates[POOL], rates[LIMIT])
    bench.row("1 GiB of results, vectors of 1 MiB (limit: one that stays in the cache, copied)", {}, ratio=found, cells=cells)
    warm = [GIB / 1e9 / one for one in bench.values("results.warm")]
    beside_memcpy = ratios(rates[POOL], warm)
    bench.row("the same beside memcpy of 1 GiB, which no cache holds", {}, ratio=beside_memcpy, cells={
        POOL: cells[POOL], LIMIT: f"{statistics.median(warm):.2f} GB/s" if warm else "failed"})
    bench.require("results: at least 0.3 of memcpy", beside_memcpy, lambda ratio: ratio >= 0.3)
    workers, parent = (bench.values("memory.forked", f"{who}_bytes") for who in ("workers", "parent"))
    growth = [(a + b) / (1 << 20) for a, b in zip(workers, parent)]
    cells = {FORKED: "failed", LIMIT: "52 MiB allowed"}
    if growth:
        cells[FORKED] = " + ".join(f"{statistics.median(one) / (1 << 20):,.1f}" for one in (workers, parent)) + " MiB"
    bench.row("memory for 1 GiB of inputs: private to the workers + growth here", {},
              ratio=[one / 52 for one in growth], cells=cells)
    bench.require("inputs of haid::map are not copied: at most a twentieth of them in new memory", growth,
                  lambda found: found <= 52, "{:,.1f} MiB")


def uneven(bench):
    names = {POOL: "uneven.pool", FORKED: "uneven.forked", LIMIT: "uneven.shared_out", TBB: "uneven.tbb",
             OPENMP: "uneven.openmp", ASYNC: "uneven.async"}
    bench.row("1,000 uneven tasks (limit: processes that share them out exactly)", names, "{:,.0f} ms", 1e3,
              bench.ratios("uneven.pool", "uneven.shared_out"))
    ideal = [one / bench.cpus for one in bench.values("uneven.serial")]
    bench.row("the same beside the serial time by the number of workers", {POOL: "uneven.pool"}, "{:,.0f} ms", 1e3,
              ratios(bench.values("uneven.pool"), ideal),
              {LIMIT: f"{statistics.median(ideal) * 1e3:,.0f} ms" if ideal else "failed"})
    for name, who in (("uneven.pool", "Pool"), ("uneven.forked", "haid::map")):
        bench.require(f"uneven tasks: {who} at least 0.95 of the speed of processes that share them out exactly",
                      bench.ratios("uneven.shared_out", name), lambda ratio: ratio >= 0.95)


def locks(bench):
    found = bench.ratios("lock.haid", "lock.shared")
    haid = bench.cell("lock.haid", "{:,.1f} ns", 1e9)
    bench.row(f"Lock: lock and unlock, {haid} (limit: a plain mutex between processes)", {LIMIT: "lock.shared"},
              "{:,.1f} ns", 1e9, found)
    bench.require("Lock: at most 1.6 times a plain mutex between processes", found, lambda ratio: ratio <= 1.6)


def compiling(bench):
    for compiler in COMPILERS:
        names = {column: f"{compiler} {source}" for column, source in HEADERS.items()}
        bench.row(f"compiling one map, CPU time of {compiler} (limit: a pool of threads that is one header)", names,
                  "{:,.2f} s", 1, bench.ratios(names[POOL], names[LIMIT]))
        bench.require(f"compiling one map with all of haid's headers, {compiler}: at most 1.3 times oneTBB's",
                      bench.ratios(names[POOL], names[TBB]), lambda ratio: ratio <= 1.3)


def print_facts(bench, rounds):
    print(machine(f"workers: {bench.cpus}"))
    print(f"{rounds} rounds, medians; each contestant in a process of its own\n", flush=True)


def print_results(bench):
    print_outcome(COLUMNS, bench, (
        "haid / limit: the median of the rounds' ratios of what the two columns show; in brackets below, their range.\n"
        "Naive pool: processes, pipes, one item at a time; measured with 20,000 items, its map is scaled from them. "
        "std::async: a piece for each worker."))


def parse():
    parser = argument_parser("Measures haid's C++ library beside the limit and its peers.", "fewer rounds")
    parser.add_argument("--program", default=BUILT / "library_bench", help="what runs the contestants")
    return parse_arguments(parser)


def main():
    arguments = parse()
    if not os.access(arguments.program, os.X_OK):
        sys.exit(f"{arguments.program} is missing: build it first (./dev bench library does)")
    try:
        bench = Bench(arguments.program)
        print_facts(bench, arguments.rounds)
        bench.measure(arguments.rounds)
    except (Failure, subprocess.SubprocessError) as failure:
        sys.exit(f"bench: {failure}")
    for part in (quick_items, single_tasks, start, much_memory, uneven, locks, compiling):
        part(bench)
    print_results(bench)
    return exit_status(f"{name}: {failure}" for name, failure in bench.failures.items())


if __name__ == "__main__":
    sys.exit(main())
