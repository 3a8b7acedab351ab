"""A terminal that takes nothing, and one that is shared with what others write and type there."""

import os
import signal
import subprocess
import time

import pytest

from support import log_entries, state_of, wait_for_line_in, wait_until, whole_lines
from terminal import Terminal

CTRL_S, CTRL_Q = b"\x13", b"\x11"


# -- a terminal that takes nothing


@pytest.mark.parametrize("options", [[], ["--bar"], ["--eta"], ["--progress"]])
def test_a_terminal_that_takes_nothing_does_not_stop_the_run(tidy_haid, options):
    job = "echo x >> begun; while [ ! -e go ]; do sleep 0.02; done; echo {} >> ended"
    terminal = Terminal(tidy_haid, "-j2", "--joblog", "log", *options, job, ":::", *range(1, 7))
    terminal.wait_for(b" 2 running" if options != ["--bar"] else b"0% 0/6")
    terminal.type(CTRL_S)
    time.sleep(0.5)  # some repaints long
    (tidy_haid.folder / "go").touch()
    wait_until(lambda: len(log_entries(tidy_haid.folder / "log")) == 6, "all jobs have ended and are logged")
    terminal.type(CTRL_Q)
    assert terminal.finish() == 0
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == list("123456")
    assert len(terminal.lines) == (1 if options else 0)


def test_output_that_goes_elsewhere_does_not_wait_for_the_terminal(tidy_haid):
    with (tidy_haid.folder / "output").open("wb") as output:
        job = "while [ ! -e go ]; do sleep 0.02; done; echo {}"
        terminal = Terminal(tidy_haid, "-j1", "-k", job, ":::", *range(1, 7), stdout=output)
    terminal.wait_for(b"1 running")
    terminal.type(CTRL_S)
    time.sleep(0.5)  # some repaints long
    (tidy_haid.folder / "go").touch()
    wait_until(lambda: whole_lines(tidy_haid.folder / "output") == list("123456"), "all output")
    terminal.process.wait(30)  # the line is not worth waiting for
    terminal.type(CTRL_Q)
    assert terminal.finish() == 0


def test_a_fault_ends_the_jobs_though_the_terminal_takes_nothing(tidy_haid):
    job = "echo $$ >> pids; [ {} = 1 ] || exec sleep 600; while [ ! -e go ]; do sleep 0.02; done; echo out"
    with open("/dev/full", "wb") as full:
        terminal = Terminal(tidy_haid, "-j2", job, ":::", "1", "2", stdout=full)
    pids = [int(pid) for pid in wait_for_line_in(tidy_haid.folder / "pids", 2)]
    terminal.type(CTRL_S)
    time.sleep(0.5)  # some repaints long
    (tidy_haid.folder / "go").touch()
    for pid in pids:
        wait_until(lambda: state_of(pid) is None, f"job {pid} has ended")
    assert terminal.process.poll() is None
    terminal.type(CTRL_Q)
    assert terminal.finish() == 255
    assert any("No space left" in line for line in terminal.lines)


def test_output_that_nobody_takes_is_given_up_by_a_signal_and_not_logged(tidy_haid):
    job = "while [ ! -e go ]; do sleep 0.02; done; echo out; touch done"
    terminal = Terminal(tidy_haid, "-j1", "--joblog", "log", job, ":::", "1")
    wait_until(lambda: log_entries(tidy_haid.folder / "log") == [] and (tidy_haid.folder / "log").exists(), "the log")
    terminal.type(CTRL_S)
    time.sleep(0.5)  # some repaints long
    (tidy_haid.folder / "go").touch()
    wait_until(lambda: (tidy_haid.folder / "done").exists(), "the job has written")
    wait_until(lambda: not tidy_haid.alive_as("/bin/bash"), "the job has ended")
    for _ in range(2):  # the first may come before the end of the job is known
        terminal.process.send_signal(signal.SIGTERM)
        try:
            terminal.process.wait(5)
            break
        except subprocess.TimeoutExpired:
            pass
    assert terminal.process.wait(30) == 143
    assert log_entries(tidy_haid.folder / "log") == []
    os.close(terminal.master)


# -- a terminal that is shared


# Past the two seconds after which the line appears by itself, and some of its repaints more.
SLOW = "sleep 2.6"


@pytest.mark.parametrize("options", [[], ["--progress"], ["--lb"], ["-k", "--eta"]])
def test_output_that_does_not_end_its_line_stays_on_the_terminal(tidy_haid, options):
    job = "sleep 1; printf '[%s]' {}"
    terminal = Terminal(tidy_haid, "-j2", "-k", *options, job, ":::", *range(1, 7))
    assert terminal.finish() == 0
    assert terminal.lines[0] == "[1][2][3][4][5][6]"
    assert len(terminal.lines) == (2 if {"--progress", "--eta"} & set(options) else 1)


def test_a_list_of_what_failed_begins_on_a_line_of_its_own(tidy_haid):
    terminal = Terminal(tidy_haid, "printf 'out{}'; exit 3", ":::", "1")
    assert terminal.finish() == 1
    assert terminal.lines[:2] == ["out1", "haid: 1 of 1 job failed:"]


def test_what_is_said_while_jobs_run_begins_on_a_line_of_its_own(tidy_haid):
    terminal = Terminal(tidy_haid, "-j2", "--timeout", "1", "printf 'out{}'; exec sleep {}", ":::", "0.1", "600")
    assert terminal.finish() == 1
    assert terminal.lines[0] == "out0.1"
    assert terminal.lines[1].startswith("haid: job 2 was ended because it took too long")


def test_a_question_of_a_job_that_writes_to_the_terminal_itself_stays(tidy_haid):
    job = f"printf 'sure? '; {SLOW}; echo yes #"
    terminal = Terminal(tidy_haid, "-u", job, ":::", "1")
    assert terminal.finish() == 0
    assert terminal.data == b"sure? yes\r\n"


@pytest.mark.parametrize("option", ["--bar", "--progress"])
def test_progress_that_was_asked_for_is_on_lines_of_its_own_where_jobs_write_themselves(tidy_haid, option):
    job = f"printf 'sure? '; {SLOW}; printf yes #"
    terminal = Terminal(tidy_haid, "-u", option, job, ":::", "1")
    assert terminal.finish() == 0
    texts = [line.rstrip() for line in terminal.lines]
    assert "sure?" in texts
    assert "yes" in texts
    assert "1/1" in texts[-1]
    assert all(("1/1" in text or "0/1" in text) != ("sure" in text or "yes" in text) for text in texts if text), texts


@pytest.mark.parametrize("option", ["--progress", "--no-progress", None])
def test_what_a_person_types_as_inputs_is_not_drawn_over(tidy_haid, option):
    terminal = Terminal(tidy_haid, *([option] if option else []), "-j2", "touch began; while [ ! -e go ]; do sleep 0.02; done; true")
    terminal.wait_for(b"Ctrl-D")
    terminal.type(b"one\nt")
    wait_until(lambda: (tidy_haid.folder / "began").exists(), "the first job runs")
    time.sleep(3)  # some repaints long
    terminal.type(b"wo\n")
    terminal.wait_for(b"two\r\n")
    assert terminal.lines[-2:] == ["one", "two"]
    terminal.type(b"\x04")
    (tidy_haid.folder / "go").touch()
    assert terminal.finish() == 0
