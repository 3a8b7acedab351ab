"""The benchmark of the program: haid beside what is possible at all, and beside its peers, all in one run.

./dev bench [--quick] [--rounds N] [--haid PATH]
"""
import math
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from measuring import (  # noqa: E402
    BUILT, Contestant, Failure, Runner, argument_parser, exit_status, machine, parse_arguments, print_outcome, ratios,
    requirement, spread)

HAID, LIMIT, GNU, MOREUTILS, XARGS = "haid", "limit", "GNU parallel", "moreutils parallel", "xargs"
PEERS = (GNU, MOREUTILS, XARGS)
COLUMNS = ("what", HAID, LIMIT, "haid / limit", *PEERS)
MIB = 1 << 20
TIME_LIMIT = 60  # seconds, for each command that is run
FULL_RATE = 2900  # bare processes a second at which the numbers of jobs are the full ones


class Bench:
    def __init__(self, arguments, runner):
        self.quick = arguments.quick
        self.rounds = arguments.rounds
        self.haid = str(pathlib.Path(arguments.haid).absolute())
        self.bare = str(pathlib.Path(self.haid).parent / "bare_spawn")
        self.peers = {name: path for name, path in find_peers().items() if path}
        self.cpus = usable_cpus()
        self.runner = runner
        self.rows = []
        self.requirements = []
        self.failures = []
        self.bare_rate = 0.0
        self.scale = 1.0

    def count(self, full):
        """So many jobs on a fast machine, fewer on a slow one: the whole takes about as long everywhere."""
        return max(100, round(full * self.scale / 100) * 100)

    def compare(self, what, contestants, rounds=None):
        print(f"measuring: {what} …", file=sys.stderr)
        known = {name: one for name, one in contestants.items() if name not in PEERS or name in self.peers}
        results = self.runner.compare(known, rounds or self.rounds)
        self.failures += [f"{what}, {name}: {one.failure}" for name, one in results.items() if one.failure]
        return results

    def row(self, what, cells, ratio="–"):
        absent = {name: "–" if name in self.peers else "not installed" for name in PEERS}
        cells = {HAID: "–", LIMIT: "–", **absent, **cells}
        self.rows.append([what, cells[HAID], cells[LIMIT], ratio, *(cells[name] for name in PEERS)])

    def require(self, text, reached, figure):
        self.requirements.append(requirement(text, reached, figure))


def cell(result, values, form):
    if result.failure:
        return result.failure.split(":")[0]
    return form.format(statistics.median(values))


def rate_cells(results, form="{:,.0f}/s", scale=1):
    return {name: cell(one, [rate / scale for rate in one.rates], form) for name, one in results.items()}


def add_rates(bench, what, results, limit=LIMIT, form="{:,.0f}/s", scale=1):
    """A row of rates. Returns the ratios of haid to the limit, none if one of the two failed."""
    cells = rate_cells(results, form, scale)
    cells[LIMIT] = cells[limit]
    failed = results[HAID].failure or results[limit].failure
    found = [] if failed else ratios(results[HAID].rates, results[limit].rates)
    bench.row(what, cells, f"{statistics.median(found):.2f}" if found else "–")
    return found


def require_ratio(bench, text, found, least=0.90):
    reached = statistics.median(found) >= least if found else None
    bench.require(f"{text} at least {least:.2f} of the bare loop", reached, spread(found) if found else "–")


def simple_jobs(bench):
    all_jobs, half, few = bench.count(10000), bench.count(5000), bench.count(500)
    j, runner, peers = str(bench.cpus), bench.runner, bench.peers
    lines = {n: runner.file(f"true-{n}", "/bin/true\n" * n) for n in (all_jobs, half, few)}
    words = bench.count(2000)
    capturing = "limit, capturing"
    results = bench.compare("jobs per second", {
        HAID: Contestant(all_jobs, [bench.haid, "-j", j], lines[all_jobs]),
        LIMIT: Contestant(all_jobs, [bench.bare, str(all_jobs), j, "/bin/true"]),
        capturing: Contestant(half, [bench.bare, "--capture", str(half), j, "/bin/true"]),
        GNU: Contestant(few, [peers.get(GNU), "--will-cite", "-j", j], lines[few]),
        MOREUTILS: Contestant(words, [peers.get(MOREUTILS), "-j", j, "/bin/true", "--", *["x"] * words]),
        XARGS: Contestant(half, [peers.get(XARGS), "-P", j, "-n", "1", "/bin/true"], lines[half]),
    })
    found = add_rates(bench, f"jobs a second, {all_jobs:,} × /bin/true", results)
    require_ratio(bench, "simple jobs:", found)
    rates = {name: statistics.median(one.rates) for name, one in results.items() if one.rates}
    fastest = max((rates[name] for name in PEERS if name in rates), default=None)
    lead = rates[HAID] / fastest if found and fastest else None
    bench.require("simple jobs: faster than every peer that is installed", lead and lead > 1,
                  f"{lead:.2f} times the fastest" if lead else "–")
    captured = {name: results[name] for name in (HAID, capturing)}
    add_rates(bench, "the same, beside a bare loop that captures output", captured, capturing)
    del results[capturing]
    amounts = {HAID: all_jobs, LIMIT: all_jobs, GNU: few, MOREUTILS: words, XARGS: half}
    bench.row("CPU time of the runner itself, a job", {
        name: cell(one, [cost.own_cpu / amounts[name] * 1e6 for cost in one.values], "{:,.0f} µs")
        for name, one in results.items()})


def shell_jobs(bench, shell, full):
    line = ":; /bin/true $HOME"
    name = pathlib.Path(os.path.realpath(shell)).name
    jobs, some, few = bench.count(full), bench.count(2000), bench.count(500)
    j, runner, peers = str(bench.cpus), bench.runner, bench.peers
    lines = {n: runner.file(f"shell-{n}", f"{line}\n" * n) for n in (jobs, some, few)}
    setting = {"PARALLEL_SHELL": shell}
    results = bench.compare(f"jobs per second through {name}", {
        HAID: Contestant(jobs, [bench.haid, "-j", j], lines[jobs], environment=setting),
        LIMIT: Contestant(jobs, [bench.bare, str(jobs), j, "-c", shell, line]),
        GNU: Contestant(few, [peers.get(GNU), "--will-cite", "-j", j], lines[few], environment=setting),
        MOREUTILS: Contestant(some, [peers.get(MOREUTILS), "-j", j, shell, "-c", "--", *[line] * some]),
        XARGS: Contestant(some, [peers.get(XARGS), "-d", "\\n", "-P", j, "-I", "{}", shell, "-c", "{}"],
                          lines[some]),
    })
    found = add_rates(bench, f"jobs a second that need a shell, {jobs:,} × {name}", results)
    require_ratio(bench, f"jobs through {name}:", found)


def start_up(bench):
    rounds, gnu_rounds = (30, 5) if bench.quick else (100, 10)
    names = {HAID: [bench.haid, "/bin/true", ":::", "x"], LIMIT: ["/bin/true"]}
    contestants = {name: Contestant(1, command) for name, command in names.items()}
    results = bench.compare("start-up", contestants, rounds)
    command = [bench.peers.get(GNU), "--will-cite", "/bin/true", ":::", "x"]
    results.update(bench.compare("start-up of GNU parallel", {GNU: Contestant(1, command)}, gnu_rounds))
    times = {name: [cost.seconds * 1000 for cost in one.values] for name, one in results.items()}
    bench.row("one job, /bin/true ::: x, wall time", {
        name: cell(one, times[name], "{:,.1f} ms") for name, one in results.items()})
    text = "start-up: at most 3 ms more than posix_spawn of the same"
    if results[HAID].failure or results[LIMIT].failure:
        bench.require(text, None, "–")
        return
    over = statistics.median(a - b for a, b in zip(times[HAID], times[LIMIT]))
    bench.require(text, over <= 3, f"{over:.2f} ms")


def peak_memory(bench):
    inputs, gnu_inputs = (2_000_000, 50_000) if bench.quick else (10_000_000, 200_000)
    at_once = 1000

    def contestant(amount, command):
        measured = [bench.bare, "--peak", "1", "1", *command, "-n", str(at_once), "--dry-run", ":"]
        return Contestant(amount, measured, feeder=["seq", str(amount)])

    results = bench.compare("memory for many inputs", {
        HAID: contestant(inputs, [bench.haid]),
        GNU: contestant(gnu_inputs, [bench.peers.get(GNU), "--will-cite"])}, 1)
    memory_row(bench, f"peak memory, {inputs:,} inputs (GNU parallel: {gnu_inputs:,}), -n {at_once} --dry-run",
               results, 16, f"peak memory with {inputs:,} inputs")
    bench.row("inputs a second of these", rate_cells(results))


def memory_row(bench, what, results, allowed, requirement):
    peaks = {name: [cost.peak_mib for cost in one.values] for name, one in results.items()}
    cells = {name: one.failure.split(":")[0] or f"{max(peaks[name]):,.1f} MiB" for name, one in results.items()}
    cells[LIMIT] = f"{allowed} MiB allowed"
    peak = max(peaks[HAID], default=None)
    bench.row(what, cells, "–" if peak is None else f"{peak / allowed:.2f}")
    bench.require(f"{requirement}: at most {allowed} MiB", None if peak is None else peak <= allowed,
                  "–" if peak is None else f"{peak:.1f} MiB")


def much_output(bench):
    jobs, each = 8, 128 * MIB
    generator = ["dd", "if=/dev/zero", "bs=64k", f"count={each // 65536}", "status=none"]
    lines = bench.runner.file("generators", (" ".join(generator) + "\n") * jobs)
    j, measured, total = str(bench.cpus), [bench.bare, "--peak", "1", "1"], jobs * each
    results = bench.compare("much output", {
        HAID: Contestant(total, [*measured, bench.haid, "-k", "-j", j], lines, expect=total),
        LIMIT: Contestant(total, [bench.bare, str(jobs), "1", *generator], expect=total),
        GNU: Contestant(total, [*measured, bench.peers.get(GNU), "--will-cite", "-k", "-j", j], lines,
                        expect=total),
    })
    what = f"output through -k, {jobs} × {each // MIB} MiB (limit: one after another, straight into the pipe)"
    add_rates(bench, what, results, form="{:,.0f} MB/s", scale=1e6)
    lead = ratios(results[HAID].rates, results[GNU].rates) if GNU in results else []
    reached = statistics.median(lead) >= 2 if lead else None
    bench.require("output: at least 2 times the rate of GNU parallel", reached, spread(lead) if lead else "–")
    del results[LIMIT]
    memory_row(bench, "peak memory with that output", results, 64, "peak memory with that output")


def is_static(program):
    """No program header of a 64-bit ELF file asks for a dynamic linker (PT_INTERP)."""
    data = pathlib.Path(program).read_bytes()
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    return all(struct.unpack_from("<I", data, offset + at * size)[0] != 3 for at in range(count))


def program_size(bench):
    copy = bench.runner.folder / "stripped"
    shutil.copy(bench.haid, copy)
    try:
        subprocess.run(["strip", copy], check=True, timeout=TIME_LIMIT)
    except (OSError, subprocess.SubprocessError) as failure:
        bench.failures.append(f"size of the program: {failure}")
        bench.row("size of the stripped program", {HAID: "not measured", LIMIT: "5 MB allowed"})
        bench.require("the stripped program: static, at most 5 MB", None, "–")
        return
    static, size = is_static(copy), copy.stat().st_size / 1e6
    found = f"{size:.2f} MB" + ("" if static else ", not static")
    bench.row("size of the stripped program", {HAID: found, LIMIT: "5 MB allowed"}, f"{size / 5:.2f}")
    bench.require("the stripped program: static, at most 5 MB", size <= 5 and static, found)


def usable_cpus():
    cpus = len(os.sched_getaffinity(0))
    try:
        quota, period = pathlib.Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else max(1, min(cpus, math.ceil(int(quota) / int(period))))


def what_it_says(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=TIME_LIMIT, check=False)
    return done.stdout.strip()


def find_peers():
    """Two programs are called `parallel`."""
    found = {GNU: None, MOREUTILS: None, XARGS: shutil.which("xargs")}
    for path in filter(None, map(shutil.which, ("parallel", "parallel.moreutils", "parallel_moreutils"))):
        if what_it_says([path, "--version"]).startswith("GNU parallel"):
            found[GNU] = found[GNU] or path
        elif "command -- arguments" in what_it_says([path, "-h"]):
            found[MOREUTILS] = found[MOREUTILS] or path
    return found


def print_facts(bench):
    print(machine(f"CPUs that may be used: {bench.cpus}"))
    print(what_it_says([bench.haid, "--version"]).splitlines()[0])
    for name in PEERS:
        if name not in bench.peers:
            print(f"{name}: not installed")
        elif name == MOREUTILS:
            print("moreutils parallel (it tells no version)")
        else:
            print(what_it_says([bench.peers[name], "--version"]).splitlines()[0])
    print(f"{bench.rounds} rounds, medians; bare loop: {bench.bare_rate:,.0f} processes a second "
          f"(below {FULL_RATE:,} there are fewer jobs a round)\n", flush=True)


def prepare(bench):
    """The first run of everything is not measured: files come into memory, GNU parallel fills its cache."""
    bare = Contestant(300, [bench.bare, "300", str(bench.cpus), "/bin/true"])
    bench.runner.run(bare)
    bench.bare_rate = 300 / bench.runner.run(bare).seconds
    bench.scale = min(1.0, bench.bare_rate / FULL_RATE) * (0.4 if bench.quick else 1)
    warm_ups = [[bench.haid, "/bin/true", ":::", "x"]]
    if GNU in bench.peers:
        warm_ups.append([bench.peers[GNU], "--will-cite", "/bin/true", ":::", "x"])
    for command in warm_ups:
        bench.runner.run(Contestant(1, command))


def measure(bench):
    prepare(bench)
    print_facts(bench)
    simple_jobs(bench)
    shell_jobs(bench, "/bin/sh", 5000)
    bash = shutil.which("bash")
    if bash:
        shell_jobs(bench, bash, 3000)
    else:
        bench.row("jobs a second that need a shell, bash: not installed", {})
        bench.require("jobs through bash", None, "bash is not installed")
    start_up(bench)
    peak_memory(bench)
    much_output(bench)
    program_size(bench)
    print_outcome(COLUMNS, bench, (
        "Limit: a loop that only starts processes and waits (bare_spawn), where nothing else is said.\n"
        "haid / limit: the median of the rounds' ratios; in brackets below, their range."))


def parse():
    parser = argument_parser("Measures haid beside the limit and its peers.", "fewer rounds and jobs")
    parser.add_argument("--haid", default=BUILT / "haid", help="the program; bare_spawn is beside it")
    return parse_arguments(parser)


def main():
    arguments = parse()
    folder = tempfile.mkdtemp(prefix="haid-bench-")
    try:
        bench = Bench(arguments, Runner(folder, TIME_LIMIT))
        for program in (bench.haid, bench.bare):
            if not os.access(program, os.X_OK):
                sys.exit(f"{program} is missing: build it first (cmake --build build)")
        measure(bench)
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return exit_status(bench.failures)


if __name__ == "__main__":
    sys.exit(main())
