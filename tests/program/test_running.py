"""How jobs run: their budget of processors, their place, their order, when they are stopped."""

import os
import re
import signal
import subprocess

import pytest

from support import log_entries, parent_of, wait_for_line_in, wait_until, whole_lines

WAIT_FOR_GO = "while [ ! -e go ]; do sleep 0.02; done"
THREAD_VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]

usable_cpus = len(os.sched_getaffinity(0))


# -- the budget of processors


def test_each_job_gets_its_share_of_the_processors(tidy_haid):
    job = "echo $HAID_CPUS " + " ".join(f"${name}" for name in THREAD_VARIABLES) + " #{}"
    budget = {"HAID_CPUS": "8"}
    usable = min(8, usable_cpus)
    for slots, share in ((1, usable), (2, max(usable // 2, 1)), (64, 1)):
        result = tidy_haid.run(f"-j{slots}", job, ":::", "1", environment=budget)
        assert result.lines == [" ".join([str(share)] * 4)]


def test_what_the_user_set_for_threads_is_kept(tidy_haid):
    result = tidy_haid.run("-j1", "echo $OMP_NUM_THREADS $MKL_NUM_THREADS #{}", ":::", "1", environment={"OMP_NUM_THREADS": "7"})
    assert result.lines == [f"7 {usable_cpus}"]


def test_a_nested_haid_takes_its_budget_as_its_number_of_slots(tidy_haid):
    result = tidy_haid.run("-j1", "--tag", f"{tidy_haid.path} resources #{{}}", ":::", "1", environment={"HAID_CPUS": "1"})
    assert "CPUs that may be used: 1" in result.out
    script = tidy_haid.file("inner.sh", f'exec {tidy_haid.path} -k "echo {{%}}; sleep 0.05" ::: a b c\n')
    nested = tidy_haid.run("-j64", "bash", script, "#{}", ":::", "1")
    assert nested.lines == ["1", "1", "1"]


def test_called_parallel_no_thread_variables_are_set(as_parallel):
    assert as_parallel.run("echo [$OMP_NUM_THREADS]; true", ":::", "1").out == "[]\n"


def test_jobs_know_their_number_slot_and_program(tidy_haid):
    result = tidy_haid.run("-k", "-j1", "echo $PARALLEL_SEQ $PARALLEL_JOBSLOT $PARALLEL_PID {#} {%} #{}", ":::", "a", "b")
    first, second = (line.split() for line in result.lines)
    assert first[:2] == ["1", "1"] and second[:2] == ["2", "1"]
    assert first[2] == second[2] and first[2].isdigit()
    assert (first[3:], second[3:]) == (["1", "1"], ["2", "1"])


def test_niceness_and_folder_of_jobs(tidy_haid):
    # The niceness is absolute: whoever runs the tests may be nice already.
    options = ("-k", "--nice", "17", "--workdir", "made/{}")
    result = tidy_haid.run(*options, "nice; pwd; echo", ":::", "a", "b", before=["nice", "-n", "2"])
    assert result.status == 0
    folder = tidy_haid.folder.resolve()
    assert result.lines == ["17", f"{folder}/made/a", "a", "17", f"{folder}/made/b", "b"]


def test_a_folder_that_cannot_be_used_fails_the_job_with_a_word(tidy_haid):
    tidy_haid.file("file", "")
    result = tidy_haid.run("--workdir", "file", "echo", ":::", "1")
    assert (result.status, result.out) == (1, "")
    assert "'file'" in result.err and "Not a directory" in result.err


# -- shells


def test_a_simple_command_is_a_child_of_the_program_itself(tidy_haid):
    process = tidy_haid.start("-j2", "sleep {}", ":::", "601", "602")
    wait_until(lambda: len(tidy_haid.alive_as("sleep 60")) == 2, "both jobs run")
    assert [parent_of(pid) for pid in tidy_haid.alive_as("sleep 60")] == [process.pid] * 2
    assert not tidy_haid.alive_as("/bin/bash")
    process.send_signal(signal.SIGTERM)
    assert tidy_haid.finish(process).status == 143


@pytest.mark.parametrize("variable", ["BASH_ENV", "ENV"])
def test_where_a_shell_would_read_a_file_first_it_is_not_left_out(tidy_haid, variable):
    setup = tidy_haid.file("setup", "echo() { printf 'function %s\\n' \"$*\"; }; ls() { echo; }\n")
    result = tidy_haid.run("ls", ":::", "1", environment={variable: str(setup)})
    if variable == "BASH_ENV":
        assert result.lines == ["function "]
    assert "No such file" in result.err or variable == "BASH_ENV"


def test_exported_functions_are_commands(tidy_haid):
    function = {"BASH_FUNC_greet%%": '() {  echo "hello $1"\n}', "BASH_FUNC_ls%%": "() {  echo my ls\n}"}
    assert tidy_haid.run("-k", "greet", ":::", "a b", "c", environment=function).lines == ["hello a b", "hello c"]
    assert tidy_haid.run("ls", ":::", "x", environment=function).lines == ["my ls"]


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash", "/bin/dash"])
def test_the_shell_that_was_asked_for_runs_the_lines(tidy_haid, shell):
    job = "readlink /proc/$$/exe; [ {} ]"
    result = tidy_haid.run(job, ":::", "1", environment={"PARALLEL_SHELL": shell})
    assert result.lines == [os.path.realpath(shell)]


def test_a_script_without_a_first_line_for_the_kernel_goes_to_the_shell(tidy_haid):
    tidy_haid.file("script", "echo shell $1\n", mode=0o755)
    assert tidy_haid.run("./script", ":::", "a").out == "shell a\n"


# -- how many, and when


def highest_at_once(haid, *options, count=12):
    job = "echo + >> trace; sleep 0.1; echo - >> trace #{}"
    assert haid.run(*options, job, ":::", *range(count)).status == 0
    now = most = 0
    for line in whole_lines(haid.folder / "trace"):
        now += 1 if line == "+" else -1
        most = max(most, now)
    (haid.folder / "trace").unlink()
    return most


def test_no_more_jobs_than_slots_run_at_a_time(tidy_haid):
    tidy_haid.file("slots", "3\n")
    for option, slots in (("-j1", 1), ("-j5", 5), ("-j200%", 2 * usable_cpus), ("-j+2", usable_cpus + 2), ("-j", 3)):
        options = [option, "slots"] if option == "-j" else [option]
        assert highest_at_once(tidy_haid, *options) <= slots
    assert highest_at_once(tidy_haid) <= usable_cpus


def test_a_number_of_slots_in_a_file_may_change_during_the_run(tidy_haid):
    slots = tidy_haid.file("slots", "1")
    job = "echo {} >> started; while [ ! -e go-{} ]; do sleep 0.02; done"
    process = tidy_haid.start("-j", "slots", job, ":::", *range(1, 8))
    wait_for_line_in(tidy_haid.folder / "started", 1)
    slots.write_text("3\n")
    (tidy_haid.folder / "go-1").touch()
    wait_for_line_in(tidy_haid.folder / "started", 4)
    assert len(whole_lines(tidy_haid.folder / "started")) == 4
    slots.write_text("1")
    for number in (2, 3):
        (tidy_haid.folder / f"go-{number}").touch()
    wait_until(lambda: len(tidy_haid.alive_as("/bin/bash -c echo")) == 1, "one job runs")
    assert len(whole_lines(tidy_haid.folder / "started")) == 4
    for number in range(4, 8):
        (tidy_haid.folder / f"go-{number}").touch()
    assert tidy_haid.finish(process).status == 0
    assert len(whole_lines(tidy_haid.folder / "started")) == 7


def test_delay_lies_between_two_starts(tidy_haid):
    result = tidy_haid.run("-j4", "--delay", "0.3", "--joblog", "log", "true", ":::", *range(4))
    assert result.status == 0
    starts = sorted(float(entry["Starttime"]) for entry in log_entries(tidy_haid.folder / "log"))
    assert all(later - earlier >= 0.29 for earlier, later in zip(starts, starts[1:]))


def test_load_that_is_never_too_high_and_load_that_always_is(tidy_haid):
    assert tidy_haid.run("--load", "1000000", "-k", "echo", ":::", "1", "2").lines == ["1", "2"]
    # With nothing of its own running a run goes on, one job at a time.
    assert tidy_haid.run("--load", "0", "-k", "echo", ":::", "1", "2").lines == ["1", "2"]


def test_free_memory_that_is_always_there_and_that_never_is(tidy_haid):
    assert tidy_haid.run("--memfree", "1k", "-k", "echo", ":::", "1", "2").lines == ["1", "2"]
    process = tidy_haid.start("--memfree", "900T", "echo {} >> ran", ":::", "1", "2")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(5)
    assert whole_lines(tidy_haid.folder / "ran") == []
    process.send_signal(signal.SIGINT)
    result = tidy_haid.finish(process)
    assert result.status == 130 and whole_lines(tidy_haid.folder / "ran") == []
    assert len(re.findall(r"^haid: no job is started: .* of memory are free, and --memfree is 900 TiB$", result.err, re.M)) == 1


# -- failures


def test_each_job_may_have_its_own_number_of_retries(tidy_haid):
    job = "echo try >> tries-{1}; false"
    result = tidy_haid.run("-j2", "--retries", "{2}", "--joblog", "log", job, ":::", "a", "b", "c", ":::+", "1", "3", "2")
    assert result.status == 3
    assert [len((tidy_haid.folder / f"tries-{name}").read_text().splitlines()) for name in "abc"] == [1, 3, 2]
    assert len((tidy_haid.folder / "log").read_text().splitlines()) == 4
    result = tidy_haid.run("-j1", "--retries", "{}", "echo {}", ":::", "1", "x")
    assert (result.status, result.lines) == (255, ["1"])
    assert "--retries {} is 'x' for job 2, which is not a whole number" in result.err
    result = tidy_haid.run("--retries", "often", "echo {}", ":::", "1")
    assert (result.status, result.out) == (255, "")
    assert "--retries often: neither a whole number nor a replacement string" in result.err
    # The log does not know the values of its jobs: they run once more.
    assert tidy_haid.run("--retries", "{2}", "--joblog", "log", "--retry-failed").status == 3
    assert len((tidy_haid.folder / "tries-b").read_text().splitlines()) == 4


def test_a_folder_for_each_job(tidy_haid):
    result = tidy_haid.run("-k", "--workdir", "...", "pwd; echo {} > made; ls", ":::", "a", "b")
    folders = result.lines[::2]
    assert (result.status, result.lines[1::2]) == (0, ["made", "made"])
    assert len(set(folders)) == 2
    assert all(folder.startswith(f"{tidy_haid.folder}/home/.parallel/tmp/{os.uname().nodename}-") for folder in folders)
    assert [folder.rsplit("-", 1)[1] for folder in folders] == ["1", "2"]


def test_retries_run_a_failing_job_again_and_log_its_end_once(tidy_haid):
    job = "echo {} >> tries; [ {} = a ] && [ $(grep -c a tries) = 3 ]"
    result = tidy_haid.run("-j1", "--retries", "4", "--joblog", "log", job, ":::", "a", "b")
    assert result.status == 1
    tries = whole_lines(tidy_haid.folder / "tries")
    assert (tries.count("a"), tries.count("b")) == (3, 4)
    assert {(entry["Seq"], entry["Exitval"]) for entry in log_entries(tidy_haid.folder / "log")} == {("1", "0"), ("2", "1")}


def test_output_of_a_failed_attempt_is_not_printed(tidy_haid):
    result = tidy_haid.run("--retries", "3", "echo try >> tries; wc -l < tries; [ $(wc -l < tries) = 3 ] #{}", ":::", "1")
    assert (result.status, result.lines) == (0, ["3"])


@pytest.mark.parametrize("fails, status", [(0, 0), (1, 1), (100, 100), (101, 101), (150, 101)])
def test_the_exit_status_counts_failures_up_to_101(tidy_haid, fails, status):
    result = tidy_haid.run("-j4", "[ {} -gt", str(fails), "]", ":::", *range(1, 161))
    assert result.status == status


HALTS = [
    ("now,fail=1", 3, ["1", "2"]),
    ("soon,fail=1", 3, ["1", "2"]),
    ("soon,fail=2", 2, ["1", "2", "3", "4"]),
    ("now,success=1", 0, ["1"]),
    ("now,done=3", 1, ["1", "2", "3"]),
    ("2", 3, ["1", "2"]),
    ("never", 3, [str(number) for number in range(1, 7)]),
]


@pytest.mark.parametrize("when, status, ran", HALTS)
def test_halt_stops_a_run_early(tidy_haid, when, status, ran):
    result = tidy_haid.run("-j1", "--halt", when, "echo {} >> ran; exit $(( {} % 2 ? 0 : 3 ))", ":::", *range(1, 7))
    assert whole_lines(tidy_haid.folder / "ran") == ran
    if when != "now,done=3":
        assert result.status == status


def test_halt_now_ends_what_runs_and_leaves_it_to_a_resume(tidy_haid):
    job = "echo {} >> started; [ {} = 3 ] && exit 5; [ -e go ] || sleep 600; echo {} >> done"
    result = tidy_haid.run("-j3", "--halt", "now,fail=1", "--joblog", "log", job, ":::", *range(1, 7))
    assert result.status == 5
    assert {entry["Seq"] for entry in log_entries(tidy_haid.folder / "log")} == {"3"}
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.run("-j3", "--resume", "--joblog", "log", job, ":::", *range(1, 7)).status == 0
    assert sorted(whole_lines(tidy_haid.folder / "done")) == ["1", "2", "4", "5", "6"]


def test_halt_soon_lets_running_jobs_end_and_says_for_how_many_it_waits(tidy_haid):
    job = f"echo {{}} >> started; [ {{}} = 1 ] && exit 4; {WAIT_FOR_GO}; echo {{}}"
    errors = tidy_haid.folder / "errors"
    with errors.open("wb") as file:
        process = tidy_haid.start("-j3", "--halt", "soon,fail=1", job, ":::", *range(1, 9), stderr=file)
    wait_until(lambda: "starting no more jobs" in errors.read_text(), "it says so")
    (tidy_haid.folder / "go").touch()
    result = tidy_haid.finish(process)
    assert result.status == 4
    assert set(result.lines) == set(whole_lines(tidy_haid.folder / "started")) - {"1"}
    assert len(result.lines) < 7


def test_a_timeout_ends_only_the_job_that_takes_too_long(tidy_haid):
    result = tidy_haid.run("-j2", "-k", "--timeout", "2", "[ {} = 1 ] && sleep 600; echo {}", ":::", "1", "2", "3")
    assert (result.status, result.lines) == (1, ["2", "3"])
    assert "took too long" in result.err


def test_a_timeout_in_percent_of_the_median(tidy_haid):
    job = "[ {} = 8 ] && sleep 600; sleep 0.4; echo {}"
    result = tidy_haid.run("-j2", "-k", "--timeout", "700%", "--joblog", "log", job, ":::", *range(1, 10))
    assert (result.status, result.lines) == (1, ["1", "2", "3", "4", "5", "6", "7", "9"])
    assert [entry["Seq"] for entry in log_entries(tidy_haid.folder / "log") if entry["Exitval"] == "-1"] == ["8"]


def test_a_ladder_of_ones_own_ends_jobs(tidy_haid):
    job = "trap 'echo usr1 >> told' USR1; trap 'echo int >> told; exit' INT; echo {} >> started; while :; do sleep 0.02; done"
    result = tidy_haid.run("--timeout", "1", "--termseq", "USR1,300,INT,5000,KILL,25", job, ":::", "1")
    assert result.status == 1
    assert whole_lines(tidy_haid.folder / "told") == ["usr1", "int"]


def test_values_are_quoted_for_the_shell_that_runs_them(tidy_haid):
    shell = tidy_haid.folder / "csh"
    shell.write_text("#!/bin/sh\nprintf '%s\\n' \"$2\"\n")
    shell.chmod(0o755)
    result = tidy_haid.run("echo", ":::", "a b", "it's", environment={"PARALLEL_SHELL": str(shell)})
    assert sorted(result.lines) == ["echo a\\ b", "echo it\\'s"]
