"""A standard stream may be closed from the start (cron, daemons, >&-): nothing else may get its number."""

import itertools
import os
import signal

import pytest

from support import log_entries, wait_for_line_in, wait_until, whole_lines

NAMES = {0: "<&-", 1: ">&-", 2: "2>&-"}
ALL_WAYS = [closed for count in (1, 2, 3) for closed in itertools.combinations(NAMES, count)]
JOB = "echo {} >> ran; echo out{}; echo err{} >&2; [ {} != 2 ]"


def closing(haid, closed, *arguments):
    return ["/bin/bash", "-c", f'exec "$@" {" ".join(NAMES[fd] for fd in closed)}', "bash", *haid.command(arguments)]


def run(haid, closed, *arguments):
    return haid.run_command(closing(haid, closed, *arguments))


@pytest.mark.parametrize("closed", ALL_WAYS)
def test_what_jobs_print_goes_into_no_other_file(tidy_haid, closed):
    result = run(tidy_haid, closed, "-j1", "--joblog", "log", JOB, ":::", "1", "2", "3")
    assert (result.status, result.lines) == ((1, ["out1", "out2", "out3"]) if 1 not in closed else (255, []))
    text = (tidy_haid.folder / "log").read_text()
    assert len(log_entries(tidy_haid.folder / "log")) == len(text.splitlines()) - 1 == (3 if 1 not in closed else 0)
    if 2 not in closed and 1 in closed:
        assert "standard output: it was closed" in result.err
    # What was not delivered was not logged, and is run again: nothing is lost.
    (tidy_haid.folder / "ran").unlink()
    assert tidy_haid.run("--resume", "--joblog", "log", JOB, ":::", "1", "2", "3", "4").status in (0, 1)
    assert sorted(whole_lines(tidy_haid.folder / "ran")) == (["4"] if 1 not in closed else ["1", "2", "3", "4"])


@pytest.mark.parametrize("closed", ALL_WAYS)
def test_a_run_that_prints_nothing_needs_no_streams(tidy_haid, closed):
    result = run(tidy_haid, closed, "--joblog", "log", "echo {} >> ran", ":::", "1", "2")
    assert (result.status, result.output, result.err) == (0, b"", "")
    assert len(log_entries(tidy_haid.folder / "log")) == 2


def test_the_program_and_its_guard_have_nothing_of_theirs_under_the_numbers(tidy_haid):
    command = closing(tidy_haid, (0, 1, 2), "--joblog", "log", "echo > ready{}; while [ ! -e go ]; do sleep 0.02; done", ":::", "1")
    process = tidy_haid.start_command(command, stdout=None, stderr=None)
    wait_for_line_in(tidy_haid.folder / "ready1")
    for pid in (process.pid, wait_until(lambda: tidy_haid.guard_of(process.pid), "the guard is there")):
        assert [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 0


@pytest.mark.parametrize("closed", [(0,), (0, 1, 2)])
def test_inputs_from_a_standard_input_that_is_closed_are_an_error(tidy_haid, closed):
    result = run(tidy_haid, closed, "--joblog", "log", "echo")
    assert result.status == 255
    assert ("standard input is closed" in result.err) == (2 not in closed)
    assert log_entries(tidy_haid.folder / "log") == []


def test_a_guard_of_a_program_without_streams_ends_the_jobs(tidy_haid):
    command = closing(tidy_haid, (0, 1, 2), "echo > ready{}; exec sleep 600", ":::", "1")
    process = tidy_haid.start_command(command)
    wait_for_line_in(tidy_haid.folder / "ready1")
    process.send_signal(signal.SIGKILL)
    tidy_haid.wait_until_nothing_is_left()
