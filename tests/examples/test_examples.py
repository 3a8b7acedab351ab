"""The examples of the course print what they promise. Where processes print, the order of lines is nobody's promise."""

import os
import pathlib
import re
import subprocess

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = pathlib.Path(os.environ.get("HAID_EXAMPLES", CHECKOUT / "build/bin/examples"))
SANITIZED = bool(os.environ.get("HAID_SANITIZE"))
SQUARES = sorted(f"{x} squared is {x * x}" for x in range(10))


def output_of(name, *arguments, **environment):
    command = [EXAMPLES / name, *arguments]
    # Python without a buffer writes a line in two parts, between which other scripts may write theirs.
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**ours, **environment})
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def lines_of(name, *arguments, **environment):
    return output_of(name, *arguments, **environment).splitlines()


def test_every_example_is_tested():
    tested = pathlib.Path(__file__).read_text()
    for source in (CHECKOUT / "examples/cpp").glob("*.cpp"):
        assert f'"{source.stem}"' in tested, f"{source.name} has no test"


def test_process_hello():
    assert lines_of("process_hello") == ["Hello Aaron", "Process-1 has ended with exit code 0"]


def test_without_join_the_child_is_waited_for():
    lines = lines_of("process_without_join")
    assert lines[-1] == "main: the end"
    assert sorted(lines[:-1]) == ["child: Hello Aaron", "main: the child was started, and I go on"]


def test_pids():
    text = output_of("pids")
    parent, child, parent_of_child, child_of_parent = re.findall(r"\d+", text)
    assert parent == parent_of_child and child == child_of_parent and parent != child
    assert [line.split(":")[0] for line in text.splitlines()] == ["main", "child", "main"]


def test_cpu_count_agrees_with_the_affinity_mask():
    (cpu, *_) = os.sched_getaffinity(0)
    command = ["taskset", "-c", str(cpu), EXAMPLES / "cpu_count"]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert f"The machine has {os.cpu_count()} CPUs." in text
    assert "This program may use 1." in text
    assert "<- decided" in text


def test_pool_on_nodes_elsewhere():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    result = subprocess.run([EXAMPLES / "pool_on_nodes"], capture_output=True, text=True, timeout=60, env=environment)
    assert result.stdout.endswith(" workers\nThe sum of the squares is 328350\n"), result


def test_pool_map_print():
    assert sorted(lines_of("pool_map_print")) == SQUARES


@pytest.mark.timeout(500)
def test_pool_map_print_into_a_file_loses_no_line(tmp_path):
    # As in every batch job. Python's multiprocessing loses lines here in more than half of the runs.
    path = tmp_path / "output"
    for run in range(300 if SANITIZED else 1000):
        with path.open("w") as file:
            subprocess.run([EXAMPLES / "pool_map_print"], stdout=file, timeout=60, check=True)
        assert sorted(path.read_text().splitlines()) == SQUARES, f"run {run}"


def test_pool_map_return():
    assert output_of("pool_map_return").split() == ["16", "4", "9", "25"]


def test_worker_identity():
    *greetings, last = lines_of("worker_identity")
    found = [re.fullmatch(r"(\w+) was greeted by process (\d+)", line).groups() for line in greetings]
    assert [name for name, _ in found] == ["Aaron", "Bethan", "Carys", "Dylan"]
    main = re.fullmatch(r"2 workers, and main is process (\d+)", last)[1]
    workers = {pid for _, pid in found}
    assert 1 <= len(workers) <= 2 and main not in workers


def test_run_scripts():
    lines = lines_of("run_scripts", CHECKOUT / "examples/scripts")
    assert sorted(lines[:3]) == ["Python was given 1 and a", "R was given 2 and b", "bash was given 3 and c"]
    assert lines[3:] == [f"hello.{ending}: exit status 0" for ending in ("py 1 a", "R 2 b", "sh 3 c")]


def test_run_scripts_tells_what_failed():
    result = subprocess.run([EXAMPLES / "run_scripts", "/dev/null"], capture_output=True, text=True, timeout=60)
    assert len(re.findall("exit status [1-9]", result.stdout)) == 3


@pytest.mark.skipif(SANITIZED, reason="a sanitizer multiplies memory")
def test_imap_needs_less_memory_than_map():
    found = re.findall(r"^(i?map): +400 results of 1 MiB, at most (\d+) MiB in memory$", output_of("imap_memory"), re.MULTILINE)
    assert [name for name, _ in found] == ["imap", "map"]
    imap, all_at_once = (int(mib) for _, mib in found)
    assert imap < 100 and all_at_once > 400


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
    assert lines_of("sync_async") == ["synchronous", *one_by_one, "asynchronous", *asked, *got]


def test_a_lock_keeps_lines_whole():
    assert lines_of("lock_lines") == ["one two three"] * 12


def test_without_the_lock_nothing_is_lost_either():
    assert sorted(output_of("lock_lines", "without").split()) == ["one"] * 12 + ["three"] * 12 + ["two"] * 12


def test_slurm_pool():
    lines = lines_of("slurm_pool", SLURM_JOB_ID="1", SLURM_CPUS_PER_TASK="1")
    assert re.fullmatch("1 workers, because of .*", lines[0])
    assert lines[1:] == ["The sum of the squares is 328350"]


def test_threads_wait():
    first, second = lines_of("threads_wait")
    assert first == "answers: 8"
    assert re.fullmatch(r"one after another: 0\.8 s; with 8 threads: \d+\.\d s", second)
