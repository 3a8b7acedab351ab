"""The benchmark of the Python package: haid beside multiprocessing and its other peers, all in one run.

./dev bench python [--quick] [--rounds N] [--python PATH] [--peers FOLDER]
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from measuring import (  # noqa: E402
    Contest, argument_parser, exit_status, figures, machine, parse_arguments, print_outcome, ratios)
from python_peers import PEERS, set_up, versions  # noqa: E402

HAID, STANDARD, EXECUTOR = "haid", "multiprocessing", "ProcessPoolExecutor"
LIBRARIES = (HAID, STANDARD, EXECUTOR, *PEERS)
COLUMNS = ("what", HAID, STANDARD, "better by", EXECUTOR, *PEERS)
TIME_LIMIT = 180  # seconds, for each contestant in each round
ARRAY_GB = 0.032  # as python_tasks.py makes them
CONTESTANTS = pathlib.Path(__file__).resolve().parent / "python_contestants.py"
MEMORY = ("memory_imap", "memory_map")
MEASURES = ("map_one", "map", "imap_unordered", "imap", "imap_generator", "apply", "argument", "result", "closed", "with",
            "process", *MEMORY)
# A library's own interface does not have these.
ABSENT = {EXECUTOR: ("process",), "joblib": ("apply", "with", "process"), "mpire": ("process",), "ray": ("process",)}


class Bench(Contest):
    def __init__(self, pythons, seconds, environment):
        """`pythons`: of each library that is installed."""
        self.libraries = tuple(pythons)
        names = [f"{measure}.{library}" for measure in MEASURES for library in pythons
                 if measure not in ABSENT.get(library, ())]

        def run(name):
            measure, library = name.split(".")
            command = [pythons[library], CONTESTANTS, library, measure, str(seconds)]
            return figures(command, TIME_LIMIT, environment)

        super().__init__(names, run)

    def row(self, what, measure, form, scale=1.0, figure="seconds", rate=None):
        """`rate`: how much there is of what is told in place of the time that it takes."""
        self.rows.append([what, *(self._cell(measure, column, form, scale, figure, rate) for column in COLUMNS[1:])])

    def _cell(self, measure, column, form, scale, figure, rate):
        if column == "better by":
            factors = self.factors(measure, figure)
            factor = statistics.median(factors) if factors else None
            return "–" if factor is None else f"{factor:.2f}×" if factor < 10 else f"{factor:,.0f}×"
        name = f"{measure}.{column}"
        if column not in self.libraries:
            return "not installed"
        if name not in self.figures:
            return "–"
        found = self.values(name, figure)
        if not found:
            return "failed"
        return form.format(statistics.median(rate / one if rate else one * scale for one in found))

    def factors(self, measure, figure="seconds"):
        """How many times better haid is than multiprocessing, round by round."""
        return ratios(self.values(f"{measure}.{STANDARD}", figure), self.values(f"{measure}.{HAID}", figure))

    def require_at_most(self, text, measure, most, scale, form):
        self.require(text, [one * scale for one in self.values(f"{measure}.{HAID}")], lambda found: found <= most, form)

    def require_factor(self, text, measure, least):
        self.require(text, self.factors(measure), lambda found: found >= least, "{:.2f}")


def small_tasks(bench):
    for measure, what, most in (("map_one", "map(chunksize=1)", 1), ("map", "map as it chooses", None),
                                ("imap_unordered", "imap_unordered", 1), ("imap", "imap", 1.5),
                                ("imap_generator", "imap of a generator", 1.5)):
        bench.row(f"{what}, a task", measure, "{:,.2f} µs", 1e6)
        if most:
            bench.require_at_most(f"{what}: at most {most} µs a task", measure, most, 1e6, "{:.2f} µs")
    bench.row("apply, a call", "apply", "{:,.0f} µs", 1e6)
    bench.require_at_most("apply: at most 40 µs a call", "apply", 40, 1e6, "{:,.0f} µs")


def large_values(bench):
    for measure, what in (("argument", "arrays of 32 MB as arguments"), ("result", "arrays of 32 MB as results")):
        bench.row(what, measure, "{:.2f} GB/s", rate=ARRAY_GB)
        bench.require_factor(f"{what}: at least ten times the rate of {STANDARD}", measure, 10)


def starts(bench):
    for measure, what in (("closed", "a pool, one map, close and join"), ("with", "a pool, one map in its with-block")):
        bench.row(what, measure, "{:,.1f} ms", 1e3)
        bench.require_at_most(f"{what}: at most 4 ms", measure, 4, 1e3, "{:.1f} ms")
    bench.row("a Process, start and join", "process", "{:,.2f} ms", 1e3)
    # 0.95: two runs of the same scatter as much.
    bench.require_factor(f"a Process: no slower than {STANDARD}'s", "process", 0.95)


def memory(bench):
    for measure, what in zip(MEMORY, ("imap", "map")):
        bench.row(f"peak memory here, {what} of 1 million strings", measure, "{:,.0f} MiB", 1 / (1 << 20), "bytes")


def print_facts(python, peers, rounds):
    found = versions(peers)
    print(machine(f"Python {versions(python)['python']}"))
    print("; ".join(f"{name} {found.get(name, 'not installed')}" for name in PEERS))
    print(f"2 workers; {rounds} rounds, medians; each contestant in a process of its own\n", flush=True)


def print_results(bench):
    print_outcome(COLUMNS, bench, (
        f"Tasks do nothing: f(x) returns x. Better by: than {STANDARD}; the median of the rounds' ratios. In brackets "
        "below: the range.\nArrays: each way by itself, through imap_unordered or what comes next to it; where they "
        "arrive, a number of each page is read.\nMemory: strings of 100 characters, chunksize=100, Python itself "
        f"included. Memory and all of {PEERS[-1]} are measured once: they take long."))


def measure(bench, rounds):
    names = list(bench.figures)
    slow = [name for name in names if name.endswith(".ray") or name.split(".")[0] in MEMORY]
    bench.measure(rounds, [name for name in names if name not in slow])
    bench.measure(1, slow)


def parse():
    build = pathlib.Path(__file__).resolve().parent.parent / "build"
    parser = argument_parser("Measures haid's Python package beside multiprocessing and peers.", "fewer and shorter rounds")
    parser.add_argument("--python", default=build / "venv/bin/python", type=pathlib.Path, help="the one that has haid")
    parser.add_argument("--peers", default=build / "peers", type=pathlib.Path, help="where the peers are installed")
    return parse_arguments(parser)


def environment_in(folder):
    """Nothing of the user's but where programs and modules are found."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": folder, "TMPDIR": folder, "RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0",
            "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


def main():
    arguments = parse()
    rounds = arguments.rounds
    python = arguments.python.absolute()
    if not os.access(python, os.X_OK):
        sys.exit(f"{python} is missing: build it first (./dev bench python does)")
    try:
        peers = set_up(arguments.peers.absolute(), python)
    except (OSError, subprocess.SubprocessError) as failure:
        sys.exit(f"bench: {failure}")
    found = versions(peers)
    pythons = {name: python for name in LIBRARIES if name not in PEERS}
    pythons.update({name: peers for name in PEERS if name in found})
    print_facts(python, peers, rounds)
    with tempfile.TemporaryDirectory(prefix="haid-bench-", ignore_cleanup_errors=True) as folder:
        bench = Bench(pythons, 0.3 if arguments.quick else 1.0, environment_in(folder))
        measure(bench, rounds)
    for part in (small_tasks, large_values, starts, memory):
        part(bench)
    print_results(bench)
    return exit_status(f"{name}: {failure}" for name, failure in bench.failures.items())


if __name__ == "__main__":
    sys.exit(main())
