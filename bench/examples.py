"""The benchmark of the course's examples: each of examples/python as it is, beside itself with multiprocessing in haid's place.

./dev bench examples [--quick] [--rounds N] [--python PATH]
"""
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from measuring import Contest, Failure, argument_parser, exit_status, machine, parse_arguments, print_outcome  # noqa: E402

HAID, STANDARD = "haid", "multiprocessing"
ROOT = pathlib.Path(__file__).resolve().parent.parent
HAID_ALONE = {"random_streams"}  # has what multiprocessing has not
EXAMPLES = sorted({path.stem for path in (ROOT / "examples/python").glob("*.py")} - HAID_ALONE)
TIME_LIMIT = 100  # seconds, for each example


def copy_to(folder, library):
    """The examples with that library, beside the scripts that they run."""
    (folder / library / "python").mkdir(parents=True)
    shutil.copytree(ROOT / "examples/scripts", folder / library / "scripts")
    for name in EXAMPLES:
        source = (ROOT / f"examples/python/{name}.py").read_text()
        source = re.sub(rf"^(import|from) {HAID}\b", rf"\1 {library}", source, flags=re.MULTILINE)
        (folder / library / f"python/{name}.py").write_text(source)


def run_in(folder, python):
    def run(contestant):
        name, library = contestant.split(".")
        began = time.perf_counter()
        process = subprocess.run([python, folder / library / f"python/{name}.py"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=TIME_LIMIT)
        took = time.perf_counter() - began
        if process.returncode != 0:
            raise Failure(f"exit status {process.returncode}: {process.stderr.strip()[-200:]}")
        return {"seconds": took}

    return run


def main():
    parser = argument_parser("Measures the course's examples with haid and with multiprocessing.", "fewer rounds")
    parser.add_argument("--python", default=ROOT / "build/venv/bin/python", type=pathlib.Path, help="the one that has haid")
    arguments = parse_arguments(parser)
    python = arguments.python.absolute()
    if not os.access(python, os.X_OK):
        sys.exit(f"{python} is missing: build it first (./dev bench examples does)")
    print(machine(f"{len(os.sched_getaffinity(0))} CPUs") + f"; {arguments.rounds} rounds, medians\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="haid-bench-") as folder:
        for library in (HAID, STANDARD):
            copy_to(pathlib.Path(folder), library)
        bench = Contest([f"{name}.{library}" for name in EXAMPLES for library in (HAID, STANDARD)],
                        run_in(pathlib.Path(folder), python))
        bench.measure(arguments.rounds)
    for name in EXAMPLES:
        ratios = bench.ratios(f"{name}.{STANDARD}", f"{name}.{HAID}")
        bench.rows.append([f"{name}.py", *(bench.cell(f"{name}.{library}", "{:,.0f} ms", 1e3) for library in (HAID, STANDARD)),
                           f"{statistics.median(ratios):.2f}×" if ratios else "–"])
    print_outcome(("example", HAID, STANDARD, "better by"), bench, "Whole programs, the start of Python and imports included.")
    return exit_status(f"{name}: {failure}" for name, failure in bench.failures.items())


if __name__ == "__main__":
    sys.exit(main())
