"""The program is killed, its guard is, or jobs misbehave: nothing runs on, nothing is lost, nothing is done twice."""

import os
import random
import signal
import time
from collections import Counter

import pytest

from support import log_entries, state_of, wait_for_line_in, wait_until, whole_lines

ROUNDS = 40
JOBS = 9  # with three slots enough for more than the longest delay
# What a job of the kill rounds is: each writes its number when its work is done, however its processes are arranged.
KINDS = {
    "a plain child": "sh -c 'sleep 0.2; echo {} >> done'",
    "its own shell": "sleep 0.2; echo {} >> done",
    "a child under a time limit": "timeout 100 sleep 60 & sleep 0.2; kill $!; wait; echo {} >> done",
    "a background child left behind": "sleep 60 & sleep 0.2; echo {} >> done",
    "a child in a session of its own": "setsid sleep 60 & sleep 0.2; kill $!; wait; echo {} >> done",
}


def kill_after(process, delay):
    time.sleep(delay)
    process.kill()
    process.wait()


def done_jobs(folder):
    return Counter(whole_lines(folder / "done"))


def logged_jobs(folder):
    return Counter(entry["Seq"] for entry in log_entries(folder / "log"))


def start_round(haid, job):
    return haid.start("-j3", "--joblog", "log", job, ":::", *range(1, JOBS + 1), stdout=None, stderr=None)


@pytest.mark.parametrize("kind", KINDS)
def test_kill_at_any_moment_leaves_nothing_and_a_resume_does_the_rest(haid, kind):
    random_delay = random.Random(f"kill {kind}")
    for _ in range(ROUNDS // len(KINDS)):
        for name in ("done", "log"):
            (haid.folder / name).unlink(missing_ok=True)
        process = start_round(haid, KINDS[kind])
        kill_after(process, random_delay.uniform(0, 0.5))
        if process.returncode == 0:  # it was faster; what its jobs left is theirs
            haid.end_everything()
        haid.wait_until_nothing_is_left()
        logged, done = logged_jobs(haid.folder), done_jobs(haid.folder)
        assert all(count == 1 for count in logged.values()), f"logged twice: {logged}"
        assert set(logged) <= set(done), f"logged, but not done: {set(logged) - set(done)}"
        result = haid.run("-j3", "--resume", "--joblog", "log", KINDS[kind], ":::", *range(1, JOBS + 1))
        assert result.status == 0, result
        again = done_jobs(haid.folder) - done
        everything = {str(number) for number in range(1, JOBS + 1)}
        assert set(again) == everything - set(logged)
        assert all(count == 1 for count in again.values())
        assert logged_jobs(haid.folder) == Counter(everything)
        haid.end_everything()


LONG_JOBS = [
    "sleep 600",
    "sh -c 'sleep 600; echo late'",
    "timeout 1000 sleep 600",
    "setsid sleep 600; true",
    "sh -c 'setsid sleep 600'",
    "sleep 600 & sleep 600 & wait",
    "(set -m; sleep 600 & sleep 600 & wait)",
    "nohup sleep 600",
    "trap '' TERM INT HUP; sleep 600; sleep 600",
    "sh -c 'kill -STOP $$; sleep 600'",
]


@pytest.mark.parametrize("job", LONG_JOBS)
def test_killing_the_program_ends_a_long_job_and_all_its_descendants(haid, job):
    process = haid.start("-j2", "echo {} >> started; " + job, ":::", "1", "2")
    wait_for_line_in(haid.folder / "started", 2)
    if "STOP" not in job:
        wait_until(lambda: haid.alive_as("sleep 600"), "the jobs run")
    process.kill()
    haid.wait_until_nothing_is_left()


def test_killing_the_program_ends_what_an_ended_job_left_in_its_group(haid):
    process = haid.start("-j1", "sleep 600 & echo {} >> started", "::::", "-", stdin=-1)
    process.stdin.write(b"1\n")
    process.stdin.flush()
    wait_for_line_in(haid.folder / "started")
    wait_until(lambda: haid.alive_as("sleep 600"), "the child runs")
    process.kill()
    haid.wait_until_nothing_is_left()


def test_killing_the_program_ends_what_an_ended_job_left_in_a_session_of_its_own(haid):
    # A program that leads its group forks when setsid starts it, so that the job itself ends at once.
    process = haid.start("-j1", "--joblog", "log", stdin=-1)
    process.stdin.write(b"setsid sleep 600\n")
    process.stdin.flush()
    wait_for_line_in(haid.folder / "log", 2)
    wait_until(lambda: haid.alive_as("sleep 600"), "the child runs")
    process.kill()
    haid.wait_until_nothing_is_left()


def test_killing_the_guard_costs_nothing_it_is_replaced(haid):
    process = haid.start("-j2", "echo {} >> started; while [ ! -e go ]; do sleep 0.02; done; echo {}", ":::", "1", "2", "3")
    wait_for_line_in(haid.folder / "started", 2)
    first = wait_until(lambda: haid.guard_of(process.pid), "there is a guard")
    os.kill(first, signal.SIGKILL)
    second = wait_until(lambda: (pid := haid.guard_of(process.pid)) and pid != first and pid, "there is a new guard")
    assert second != first
    (haid.folder / "go").touch()
    result = haid.finish(process)
    assert (result.status, sorted(result.lines), result.err) == (0, ["1", "2", "3"], "")
    haid.wait_until_nothing_is_left()


@pytest.mark.parametrize("seconds", [0, 1.2])
def test_a_guard_that_is_stopped_goes_on_and_ends_nothing(haid, seconds):
    process = haid.start("-j2", "echo {} >> started; while [ ! -e go ]; do sleep 0.02; done; echo {}", ":::", "1", "2", "3")
    wait_for_line_in(haid.folder / "started", 2)
    guard = wait_until(lambda: haid.guard_of(process.pid), "there is a guard")
    os.kill(guard, signal.SIGSTOP)
    wait_until(lambda: state_of(guard) == "T", "it is stopped")
    time.sleep(seconds)
    assert haid.guard_of(process.pid) == guard, "another one would end what the first one guards"
    (haid.folder / "go").touch()
    result = haid.finish(process)
    assert (result.status, sorted(result.lines), result.err) == (0, ["1", "2", "3"], "")
    haid.wait_until_nothing_is_left()


def test_the_new_guard_ends_jobs_that_began_under_the_old_one(haid):
    process = haid.start("-j2", "echo {} >> started; sleep 600", ":::", "1", "2")
    wait_for_line_in(haid.folder / "started", 2)
    first = wait_until(lambda: haid.guard_of(process.pid), "there is a guard")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: (pid := haid.guard_of(process.pid)) and pid != first, "there is a new guard")
    process.kill()
    haid.wait_until_nothing_is_left()


def test_a_resume_waits_until_the_jobs_of_the_killed_run_have_ended(haid):
    # Its standard error has lost its reader: the shell's own word about the signal would be its end.
    job = "exec 2>&-; trap 'sleep 0.1; echo late {} >> order; exit' TERM; echo begin {} >> order; while [ ! -e go ]; do sleep 0.02; done"
    # A guard that acted before the killed program had ended was too early in one of five rounds.
    for _ in range(10):
        (haid.folder / "order").unlink(missing_ok=True)
        process = haid.start("-j1", "--joblog", "log", "--termseq", "TERM,5000,KILL,25", job, ":::", "1")
        wait_for_line_in(haid.folder / "order")
        process.kill()
        second = haid.start("--resume", "--joblog", "log", "echo again {} >> order", ":::", "1")
        assert haid.finish(second).status == 0
        assert whole_lines(haid.folder / "order") == ["begin 1", "late 1", "again 1"]


def test_a_second_run_with_the_same_job_log_waits_for_the_first_and_says_so(haid):
    wait_for_go = "echo {} >> started; while [ ! -e go ]; do sleep 0.02; done; echo {} >> done"
    first = haid.start("-j2", "--joblog", "log", wait_for_go, ":::", "1", "2", "3", "4")
    wait_for_line_in(haid.folder / "started", 2)
    errors = haid.folder / "errors"
    with errors.open("wb") as file:
        second = haid.start("--resume", "--joblog", "log", wait_for_go, ":::", "1", "2", "3", "4", "5", stderr=file)
    wait_until(lambda: "waiting for the run" in errors.read_text(), "it says that it waits")
    assert "'log'" in errors.read_text()
    assert len(whole_lines(haid.folder / "started")) == 2
    (haid.folder / "go").touch()
    assert haid.finish(first).status == 0
    assert haid.finish(second).status == 0
    assert sorted(whole_lines(haid.folder / "done")) == ["1", "2", "3", "4", "5"]
    assert logged_jobs(haid.folder) == Counter(["1", "2", "3", "4", "5"])


def test_a_run_that_waits_for_the_job_log_can_be_interrupted(haid):
    first = haid.start("--joblog", "log", "echo {} >> started; sleep 600", ":::", "1")
    wait_for_line_in(haid.folder / "started")
    errors = haid.folder / "errors"
    with errors.open("wb") as file:
        second = haid.start("--resume", "--joblog", "log", "echo", ":::", "1", stderr=file)
    wait_until(lambda: "waiting for the run" in errors.read_text(), "it says that it waits")
    second.send_signal(signal.SIGINT)
    assert haid.finish(second).status in (130, -signal.SIGINT)
    assert state_of(first.pid)


# -- jobs that misbehave


def test_a_job_that_kills_its_own_group_costs_only_itself(haid):
    result = haid.run("-k", "-j2", "--joblog", "log", "if [ {} = 2 ]; then kill -9 0; fi; echo {}", ":::", "1", "2", "3", "4")
    assert result.status == 1
    assert result.lines == ["1", "3", "4"]
    signals = {entry["Seq"]: entry["Signal"] for entry in log_entries(haid.folder / "log")}
    assert signals == {"1": "0", "2": "9", "3": "0", "4": "0"}
    haid.wait_until_nothing_is_left()


def test_a_child_left_behind_that_holds_stdout_does_not_keep_the_run(haid):
    result = haid.run("-k", "sleep 600 & echo {}", ":::", "1", "2")
    assert (result.status, result.lines) == (0, ["1", "2"])


def test_a_child_left_behind_does_not_die_of_sigpipe_while_the_run_lasts(haid):
    job = """
        if [ {} = 1 ]; then
            (while [ ! -e job-1-ended ]; do sleep 0.02; done; head -c 300000 /dev/zero; echo written >> told) &
            echo first
        else
            while [ ! -e told ]; do sleep 0.02; done; echo second
        fi"""
    process = haid.start("-j1", "-k", "--joblog", "log", job, ":::", "1", "2")
    wait_for_line_in(haid.folder / "log", 2)
    (haid.folder / "job-1-ended").touch()
    result = haid.finish(process)
    assert (result.status, result.lines) == (0, ["first", "second"])
    assert whole_lines(haid.folder / "told") == ["written"]


@pytest.mark.parametrize("job", ["exec >&- 2>&-; sleep 0.1; exit 3", "kill -9 $$", "kill -SEGV $$", "kill -STOP $$ & wait; exit 3"])
def test_a_job_that_ends_oddly_is_one_failed_job(haid, job):
    result = haid.run("--timeout", "5", job + " #{}", ":::", "1")
    assert result.status == 1
    haid.wait_until_nothing_is_left()


def test_a_stopped_job_can_be_timed_out(haid):
    result = haid.run("--timeout", "0.3", "--joblog", "log", "kill -STOP $$; echo {}", ":::", "1")
    assert (result.status, result.out) == (1, "")
    assert log_entries(haid.folder / "log")[0]["Exitval"] == "-1"
    haid.wait_until_nothing_is_left()
