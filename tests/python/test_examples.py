"""The examples print what they promise, with haid; and run with multiprocessing in its place.

Where processes print, the order of lines is nobody's promise.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples"
EXAMPLES = sorted(path.stem for path in (FOLDER / "python").glob("*.py"))
NAMES = ["Aaron", "Bethan", "Carys", "Dylan", "Efa", "Ffion", "Gwen", "Huw"]
SQUARES = sorted(f"{x} squared is {x * x}" for x in range(10))
ITEMS = sorted(f"item {number} done" for number in range(10))
JOINED_AT_THE_END = sorted(["main: the children were started, and I go on", "main: the last line",
                            *(f"child: Hello {name}" for name in NAMES[:5])])
needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed")


def run(path, *arguments, **settings):
    # Python without a buffer writes a line in two parts, between which other scripts may write theirs.
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment = {**ours, **settings.pop("environment", {})}
    return subprocess.run([sys.executable, path, *arguments], text=True, timeout=100, env=environment, **settings)


def output_of(name, *arguments, **environment):
    result = run(FOLDER / f"python/{name}.py", *arguments, capture_output=True, environment=environment)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def lines_of(name, *arguments, **environment):
    return output_of(name, *arguments, **environment).splitlines()


def test_every_example_is_tested():
    tested = pathlib.Path(__file__).read_text()
    for name in EXAMPLES:
        assert f'"{name}"' in tested, f"{name}.py has no test"


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_r) if name == "run_scripts" else name
                                  for name in EXAMPLES if name != "random_streams"])  # multiprocessing has none
def test_multiprocessing_in_its_place(name, tmp_path):
    source = (FOLDER / f"python/{name}.py").read_text()
    replaced, imports = re.subn(r"^(import|from) haid\b", r"\1 multiprocessing", source, flags=re.MULTILINE)
    assert imports
    (tmp_path / "scripts").symlink_to(FOLDER / "scripts")
    copy = tmp_path / f"python/{name}.py"
    copy.parent.mkdir()
    copy.write_text(replaced)
    result = run(copy, capture_output=True)
    assert (result.returncode, result.stderr) == (0, "")


def without_worker(lines):
    return [re.sub(r"^ForkPoolWorker-[12] ", "", line) for line in lines]


GREETINGS = sorted(["MainProcess has a pool of 2", *(f"greets {name}" for name in NAMES)])


@pytest.mark.timeout(500)
@pytest.mark.parametrize("name, expected, shape", [
    ("process_without_join", JOINED_AT_THE_END, list),
    ("pool_map_print", SQUARES, list),
    ("worker_identity", GREETINGS, without_worker),
    ("lock_lines", ["one two three"] * 12, list),
    ("lock_pool", ITEMS, list),
])
def test_a_thousand_lines_in_files_are_all_there(name, expected, shape, tmp_path):
    # As in every batch job. multiprocessing's Pool loses lines here in more than half of the runs.
    path = tmp_path / "output"
    for number in range(-(-1000 // len(expected))):
        with path.open("w") as file:
            result = run(FOLDER / f"python/{name}.py", stdout=file, stderr=subprocess.PIPE)
        assert (result.returncode, result.stderr) == (0, "")
        assert sorted(shape(path.read_text().splitlines())) == expected, f"run {number}"


@pytest.mark.parametrize("name, expected, shape", [
    ("process_without_join", JOINED_AT_THE_END, list),
    ("pool_map_print", SQUARES, list),
    ("worker_identity", GREETINGS, without_worker),
])
def test_lines_are_whole_where_python_does_not_buffer(name, expected, shape):
    for _ in range(20):
        assert sorted(shape(lines_of(name, PYTHONUNBUFFERED="1"))) == expected


def test_process_hello():
    assert lines_of("process_hello") == ["Hello Aaron", "Process-1 has ended with exit code 0"]


def test_without_join_main_goes_on():
    lines = lines_of("process_without_join")
    assert sorted(lines) == JOINED_AT_THE_END
    main = [line for line in lines if line.startswith("main")]
    assert main == ["main: the children were started, and I go on", "main: the last line"]


def test_pids():
    text = output_of("pids")
    parent, child, parent_of_child, child_of_parent = re.findall(r"\d+", text)
    assert parent == parent_of_child and child == child_of_parent and parent != child
    assert [line.split(":")[0] for line in text.splitlines()] == ["main", "child", "main"]


def test_cpu_count_agrees_with_the_affinity_mask():
    (cpu, *_) = os.sched_getaffinity(0)
    command = ["taskset", "-c", str(cpu), sys.executable, FOLDER / "python" / "cpu_count.py"]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert text.splitlines() == [f"The machine has {os.cpu_count()} CPUs.", "This program may use 1."]


def test_cpu_count_agrees_with_slurm():
    assert lines_of("cpu_count", SLURM_JOB_ID="1", SLURM_CPUS_PER_TASK="1")[1] == "This program may use 1."


def test_pool_map_print():
    assert sorted(lines_of("pool_map_print")) == SQUARES


def test_pool_map_return():
    assert lines_of("pool_map_return") == ["[16, 4, 9, 25]"]


def test_worker_identity():
    lines = lines_of("worker_identity")
    assert lines[0] == "MainProcess has a pool of 2"
    assert sorted(without_worker(lines)) == GREETINGS


@needs_r
def test_run_scripts():
    lines = lines_of("run_scripts")
    assert sorted(lines[:3]) == ["Python was given 1 and a", "R was given 2 and b", "bash was given 3 and c"]
    assert lines[3:] == [f"hello.{ending}: exit status 0" for ending in ("py 1 a", "R 2 b", "sh 3 c")]


def test_run_scripts_of_ones_own():
    lines = lines_of("run_scripts", "hello.sh 1 a", "hello.py 2 b", "hello.sh 3 c")
    assert sorted(lines[:3]) == ["Python was given 2 and b", "bash was given 1 and a", "bash was given 3 and c"]
    assert lines[3:] == [f"hello.{ending}: exit status 0" for ending in ("sh 1 a", "py 2 b", "sh 3 c")]


def test_run_scripts_tells_what_failed():
    result = run(FOLDER / "python/run_scripts.py", "missing.sh", "hello.py 1", capture_output=True)
    assert result.stdout.splitlines() == ["missing.sh: exit status 127", "hello.py 1: exit status 1"]


def test_imap_needs_less_memory_than_map():
    found = re.findall(r"^(i?map): +40000 results of 10 KiB, at most (\d+) MiB in memory$", output_of("imap_memory"),
                       re.MULTILINE)
    assert [name for name, _ in found] == ["imap", "map"]
    imap, all_at_once = (int(mib) for _, mib in found)
    assert imap < 200 and all_at_once > 390


def test_starmap_tuples():
    assert lines_of("starmap_tuples") == ["Aaron: 3 * 4 = 12", "Bethan: 5 * 6 = 30", "Carys: 7 * 8 = 56"]


def test_random_streams():
    first, *others = lines_of("random_streams")
    assert re.fullmatch(r"pi is about 3\.1\d\d\d, with 1 worker", first)
    assert others == [f"{first.partition(',')[0]}, with {workers} workers" for workers in (2, 3)]
    assert lines_of("random_streams") == [first, *others]


def test_sync_async():
    asked, got = [f"asked for {x}" for x in (1, 2, 3)], [f"got {x}" for x in (1, 4, 9)]
    one_by_one = [line for pair in zip(asked, got) for line in pair]
    assert lines_of("sync_async") == ["synchronous", *one_by_one, "asynchronous", *asked, *got,
                                      "all at once", "asked for all", "got [1, 4, 9]"]


def test_a_lock_keeps_the_lines_of_processes_whole():
    assert lines_of("lock_lines") == ["one two three"] * 12


def test_a_lock_keeps_the_lines_of_a_pool_whole():
    assert sorted(lines_of("lock_pool")) == ITEMS


@pytest.mark.parametrize("name, expected", [("lock_lines", ["one two three"] * 12), ("lock_pool", ITEMS)])
def test_without_the_lock_nothing_is_lost_either(name, expected):
    assert sorted(output_of(name, "without").split()) == sorted(" ".join(expected).split())


def test_slurm_pool():
    assert lines_of("slurm_pool", SLURM_JOB_ID="1", SLURM_CPUS_PER_TASK="3") == [
        "3 workers", "The sum of the squares is 328350"]


def test_threads_wait():
    first, second = lines_of("threads_wait")
    assert re.fullmatch(r"8 questions that take 0\.1 s each, 8 threads: \d+\.\d s", first)
    assert re.fullmatch(r"4 sums, a loop: \d+\.\d s, 4 threads: \d+\.\d s, processes: \d+\.\d s", second)
