"""The benchmark of runs over several nodes: a real Slurm of three nodes on this machine, beside what people do without
haid; and what a job costs the coordinator, with agents that only pretend to run jobs.

./dev bench cluster [--quick] [--rounds N]
"""
import os
import pathlib
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/cluster"))
import lab as labs  # noqa: E402
from measuring import (  # noqa: E402
    BUILT, Contest, Failure, argument_parser, exit_status, figures, machine, parse_arguments, print_outcome, ratios)

NODES = 3
PYTHON = BUILT.parent / "venv/bin/python"
COLUMNS = ("what", "haid", "one srun, xargs on each node", "one srun for each job", "haid / srun and xargs")
PRETENDERS = (1, 10, 100)
SLOTS = 128
TIME_LIMIT = 120  # seconds, for each that is run

# Each prints how long it took, in nanoseconds, and what it took that long for.
TIMED = "begin=$(date +%s%N); {}; end=$(date +%s%N); echo took $((end - begin))\n"


def scripts(haid, jobs, sruns):
    per_node = jobs // NODES
    return {
        "haid": (f"seq {jobs} | {haid} -j2 true", jobs),
        "xargs": (f"srun -N{NODES} -n{NODES} --ntasks-per-node=1 --overlap sh -c 'seq {per_node} | xargs -n1 -P2 true'",
                  per_node * NODES),
        "srun": (f"for i in $(seq {sruns}); do srun -n1 -N1 --overlap true; done", sruns),
        "start": (f"{haid} -j1 true ::: 1 2 3", 1),
        "srun.start": (f"srun -N{NODES} -n{NODES} --ntasks-per-node=1 --overlap true", 1),
    }


# A pool of Python's prints how long it took to start, and a warm map of quick items and one of items that wait.
POOL = """
import sys, time
import haid

def quick(x):
    return x

def waits(x):
    time.sleep(0.01)

if __name__ == "__main__":
    begin = time.perf_counter()
    with haid.Pool(nodes="slurm") as pool:
        started = time.perf_counter()
        pool.map(quick, range(20_000))
        warm = time.perf_counter()
        pool.map(quick, range(int(sys.argv[1])))
        mapped = time.perf_counter()
        pool.map(waits, range(600))
        end = time.perf_counter()
        workers = pool._processes
    print("figures", started - begin, mapped - warm, 600 * 0.01 / workers / (end - mapped))
"""


def on_lab(lab, script, word):
    """The numbers behind a word that the script prints."""
    output = lab.submit(script, f"-N{NODES}", "--ntasks-per-node=2").wait(TIME_LIMIT)
    for line in output.splitlines():
        if line.startswith(word):
            return [float(number) for number in line.split()[1:]]
    raise Failure(output.strip()[-200:])


class Bench(Contest):
    def __init__(self, lab, arguments):
        self.lab = lab
        self.quick = arguments.quick
        haid = str(pathlib.Path(arguments.haid).resolve())
        self.coordinator = str(pathlib.Path(haid).parent / "coordinator")
        self.scripts = scripts(haid, 1500 if arguments.quick else 6000, 20 if arguments.quick else 60)
        self.jobs = {agents: (50_000 if arguments.quick else 200_000) for agents in PRETENDERS}
        self.items = 200_000 if arguments.quick else 1_000_000
        names = ([] if lab is None else [*self.scripts, "pool"]) + [f"agents.{agents}" for agents in PRETENDERS]
        super().__init__(names, self.one)

    def one(self, name):
        if name in self.scripts:
            script, jobs = self.scripts[name]
            seconds = on_lab(self.lab, TIMED.format(script), "took")[0] / 1e9
            return {"seconds": seconds, "rate": jobs / seconds}
        if name == "pool":
            (self.lab.shared / "pool.py").write_text(POOL)
            start, mapped, speed_up = on_lab(self.lab, f"{PYTHON} pool.py {self.items}", "figures")
            return {"seconds": start, "rate": self.items / mapped, "speed_up": speed_up}
        agents = int(name.split(".")[1])
        found = figures([self.coordinator, str(self.jobs[agents]), str(agents), str(SLOTS)], TIME_LIMIT)
        return {"rate": self.jobs[agents] / found["seconds"], "cost": found["cpu"] / self.jobs[agents] * 1e6,
                "memory": found["peak_kib"] / 1024}

    def middle(self, name, figure, form):
        values = self.values(name, figure) if name in self.figures else []
        return form.format(statistics.median(values)) if values else "–"


def report(bench):
    found = ratios(bench.values("haid", "rate"), bench.values("xargs", "rate")) if bench.lab else []
    bench.rows.append(["`true`, jobs a second", *(bench.middle(name, "rate", "{:,.0f}") for name in ("haid", "xargs", "srun")),
                       f"{statistics.median(found):.2f}" if found else "–"])
    bench.rows.append(["start and end of a run on 3 nodes, s", bench.middle("start", "seconds", "{:.2f}"),
                       bench.middle("srun.start", "seconds", "{:.2f}"), "–", "–"])
    bench.rows.append(["start of a Python pool on 3 nodes, s", bench.middle("pool", "seconds", "{:.2f}"), "–", "–", "–"])
    bench.rows.append(["its `map` of a function that returns its argument, items a second",
                       bench.middle("pool", "rate", "{:,.0f}"), "–", "–", "–"])
    bench.rows.append(["its `map` of 600 items that wait for 10 ms, part of the ideal speed",
                       bench.middle("pool", "speed_up", "{:.2f}"), "–", "–", "–"])
    for agents in PRETENDERS:
        name = f"agents.{agents}"
        bench.rows.append([f"{agents} pretended agent(s) with {SLOTS} slots: jobs a second; µs and MiB of the coordinator",
                           f"{bench.middle(name, 'rate', '{:,.0f}')}; {bench.middle(name, 'cost', '{:.1f}')}; "
                           f"{bench.middle(name, 'memory', '{:.0f}')}", "–", "–", "–"])
        bench.require(f"{agents} agent(s): at most 20 µs a job", bench.values(name, "cost"), lambda cost: cost <= 20, "{:.1f}")
        bench.require(f"{agents} agent(s): at least 50,000 jobs a second", bench.values(name, "rate"),
                      lambda rate: rate >= 50_000, "{:,.0f}")
    more = [haid - srun for haid, srun in zip(bench.values("start"), bench.values("srun.start"))] if bench.lab else []
    bench.require("start of a run on 3 nodes: at most 1 s more than srun itself", more, lambda seconds: seconds <= 1)
    print_outcome(COLUMNS, bench, "Jobs a second on nodes that share this machine's CPUs. The coordinator's memory holds "
                                  "the inputs, too.")


def main():
    parser = argument_parser("Measures runs over several nodes.", "fewer jobs and rounds")
    parser.add_argument("--haid", default=BUILT / "haid", help="the program")
    arguments = parse_arguments(parser)
    print(machine(f"{len(os.sched_getaffinity(0))} CPUs, which all nodes share"))
    print(f"{arguments.rounds} rounds, medians\n", flush=True)
    why_not = labs.why_not()
    try:
        if why_not:
            print(f"no Slurm: {why_not}", file=sys.stderr)
            bench = Bench(None, arguments)
            bench.measure(arguments.rounds)
        else:
            with labs.Lab(nodes=NODES) as lab:
                bench = Bench(lab, arguments)
                bench.measure(arguments.rounds)
    except (Failure, subprocess.SubprocessError) as failure:
        sys.exit(f"bench: {failure}")
    report(bench)
    return exit_status(f"{name}: {failure}" for name, failure in bench.failures.items())


if __name__ == "__main__":
    sys.exit(main())
