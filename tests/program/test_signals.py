"""Signals to the program: what happens to the jobs, and what is said."""

import os
import re
import signal
import subprocess
import time

import pytest

from support import TIME_LIMIT, log_entries, signal_if_alive, state_of, wait_for_line_in, wait_until, whole_lines
from terminal import Terminal

# Tells its process id, waits until the file `go` is there, and tells that it came to its own end.
PATIENT = "echo $$ >> pids; while [ ! -e go ]; do sleep 0.02; done; echo {} >> ended"
# Ends on SIGTERM only after having told so; a shell runs its trap once its child has ended.
TELLS_SIGNAL = "trap 'echo {} >> told; exit 7' TERM; echo $$ >> pids; while :; do sleep 0.05; done"
IGNORES_SIGNALS = "trap '' TERM INT HUP; echo $$ {} >> pids; while :; do sleep 0.05; done"

# A second SIGINT counts once so many seconds have passed.
ECHO = 0.4

STARTING_NO_MORE = "no new jobs are started"
ENDING_TWO = "ending 2 running job"


def start_jobs(haid, job, *options, count=6, running=2):
    process = haid.start(f"-j{running}", *options, job, ":::", *range(1, count + 1))
    pids = wait_for_line_in(haid.folder / "pids", running)
    return process, [int(pid) for pid in pids]


def wait_for_error(process, path, text):
    wait_until(lambda: text in path.read_text(), f"{text!r} on standard error")


def start_telling_errors(haid, job, *options, **counts):
    """As start_jobs, with standard error in a file, so that it can be read meanwhile."""
    path = haid.folder / "errors"
    with path.open("wb") as errors:
        process = haid.start("-j2", *options, job, ":::", *range(1, counts.get("count", 6) + 1), stderr=errors)
    pids = wait_for_line_in(haid.folder / "pids", 2)
    return process, [int(line.split()[0]) for line in pids], path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_once_no_new_jobs_are_started_and_what_runs_may_end(tidy_haid, number):
    process, pids, errors = start_telling_errors(tidy_haid, PATIENT, "--joblog", "log")
    process.send_signal(number)
    wait_for_error(process, errors, STARTING_NO_MORE)
    assert all(state_of(pid) for pid in pids)
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 128 + number
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2"]
    assert sorted(entry["Seq"] for entry in log_entries(tidy_haid.folder / "log")) == ["1", "2"]
    text = errors.read_text()
    assert number.name in text
    assert "waiting for 2 to end" in text
    assert re.search(r"job 1 runs for \d+ s: ", text)


def test_an_interrupt_that_kept_no_job_from_running_leaves_the_exit_status_alone(tidy_haid):
    process, _, errors = start_telling_errors(tidy_haid, PATIENT, count=2)
    process.send_signal(signal.SIGINT)
    wait_for_error(process, errors, STARTING_NO_MORE)
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 0
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2"]


def test_a_second_interrupt_ends_the_running_jobs(tidy_haid):
    process, _, errors = start_telling_errors(tidy_haid, TELLS_SIGNAL, "--joblog", "log")
    process.send_signal(signal.SIGINT)
    wait_for_error(process, errors, STARTING_NO_MORE)
    time.sleep(ECHO)
    process.send_signal(signal.SIGINT)
    assert tidy_haid.finish(process).status == 130
    assert sorted(whole_lines(tidy_haid.folder / "told")) == ["1", "2"]
    assert ENDING_TWO in errors.read_text()
    assert len(whole_lines(tidy_haid.folder / "pids")) == 2


def test_an_interrupt_that_a_wrapper_passes_on_counts_once(tidy_haid):
    for _ in range(20):
        process, _, errors = start_telling_errors(tidy_haid, PATIENT)
        since = time.monotonic()
        process.send_signal(signal.SIGINT)
        wait_for_error(process, errors, STARTING_NO_MORE)
        process.send_signal(signal.SIGINT)
        told = errors.stat().st_size
        process.send_signal(signal.SIGUSR1)  # answered once what came before it was read
        wait_until(lambda: errors.stat().st_size > told, "an answer")
        was_soon = time.monotonic() - since < ECHO
        ended = tidy_haid.folder / "ended"
        (tidy_haid.folder / "go").touch()
        status = tidy_haid.finish(process).status
        for name in ("go", "pids"):
            (tidy_haid.folder / name).unlink()
        if was_soon:
            break
        ended.unlink(missing_ok=True)
    else:
        pytest.skip("this machine is too slow for two signals in 0.3 s")
    assert status == 130
    assert sorted(whole_lines(ended)) == ["1", "2"]
    assert "ending" not in errors.read_text()


def test_a_hang_up_never_ends_what_runs_however_often_it_comes(tidy_haid):
    process, pids, errors = start_telling_errors(tidy_haid, PATIENT, "--joblog", "log")
    for time_of in range(1, 4):
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: errors.read_text().count(STARTING_NO_MORE) == time_of, "the signal is acted upon")
        time.sleep(ECHO)
    assert all(state_of(pid) for pid in pids)
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 129
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2"]
    assert sorted(entry["Seq"] for entry in log_entries(tidy_haid.folder / "log")) == ["1", "2"]


@pytest.mark.parametrize("first, then", [(signal.SIGINT, signal.SIGHUP), (signal.SIGHUP, signal.SIGINT)])
def test_a_hang_up_beside_an_interrupt_ends_nothing(tidy_haid, first, then):
    process, _, errors = start_telling_errors(tidy_haid, PATIENT)
    for count, number in enumerate((first, then), start=1):
        process.send_signal(number)
        wait_until(lambda: errors.read_text().count(STARTING_NO_MORE) == count, "the signal is acted upon")
        time.sleep(ECHO)
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 128 + then
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2"]


@pytest.mark.parametrize("count", [2, 6])
def test_sigterm_ends_the_running_jobs_the_first_time(tidy_haid, count):
    process, _, errors = start_telling_errors(tidy_haid, TELLS_SIGNAL, "--joblog", "log", count=count)
    process.send_signal(signal.SIGTERM)
    assert tidy_haid.finish(process).status == 143
    assert sorted(whole_lines(tidy_haid.folder / "told")) == ["1", "2"]
    assert ENDING_TWO in errors.read_text()
    assert log_entries(tidy_haid.folder / "log") == []


def test_jobs_that_ignore_signals_are_killed_at_the_end_of_the_ladder(tidy_haid):
    process, _, errors = start_telling_errors(tidy_haid, IGNORES_SIGNALS, "--joblog", "log")
    process.send_signal(signal.SIGINT)
    wait_for_error(process, errors, STARTING_NO_MORE)
    time.sleep(ECHO)
    process.send_signal(signal.SIGINT)
    assert tidy_haid.finish(process).status == 130
    assert ENDING_TWO in errors.read_text()


def test_jobs_ended_by_an_interrupt_are_run_by_a_resume(tidy_haid):
    process, _, errors = start_telling_errors(tidy_haid, PATIENT, "--joblog", "log", count=3)
    process.send_signal(signal.SIGINT)
    wait_for_error(process, errors, STARTING_NO_MORE)
    time.sleep(ECHO)
    process.send_signal(signal.SIGINT)
    assert tidy_haid.finish(process).status == 130
    (tidy_haid.folder / "go").touch()
    result = tidy_haid.run("-j2", "--resume", "--joblog", "log", PATIENT, ":::", 1, 2, 3)
    assert result.status == 0
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2", "3"]


def test_descendants_in_groups_of_their_own_are_ended_too(tidy_haid):
    job = "setsid sleep 600 & (set -m; sleep 600 & wait) & echo $$ {} >> pids; wait"
    process, _, errors = start_telling_errors(tidy_haid, job)
    wait_until(lambda: len(tidy_haid.alive_as("sleep 600")) >= 4, "the jobs' children run")
    process.send_signal(signal.SIGTERM)
    assert tidy_haid.finish(process).status == 143
    assert ENDING_TWO in errors.read_text()


def test_a_signal_while_waiting_for_input_ends_the_run(tidy_haid):
    reader, writer = os.pipe()
    process = tidy_haid.start("echo", stdin=reader, stdout=subprocess.PIPE)
    os.close(reader)
    os.write(writer, b"first\n")
    assert process.stdout.readline() == b"first\n"
    process.send_signal(signal.SIGINT)
    assert tidy_haid.finish(process).status == 130
    os.close(writer)


def test_stop_and_continue_reach_the_jobs(tidy_haid):
    job = "sleep 600 & echo $$ >> pids; echo $! >> pids; while [ ! -e go ]; do sleep 0.02; done; kill $!"
    process = tidy_haid.start("-j2", job, ":::", "1", "2")
    pids = [int(pid) for pid in wait_for_line_in(tidy_haid.folder / "pids", 4)]
    process.send_signal(signal.SIGTSTP)
    for pid in [*pids, process.pid]:
        wait_until(lambda: state_of(pid) == "T", f"process {pid} is stopped")
    process.send_signal(signal.SIGCONT)
    for pid in [*pids, process.pid]:
        wait_until(lambda: state_of(pid) in ("S", "R", "D"), f"process {pid} goes on")
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 0


def test_time_spent_stopped_does_not_count_as_running_time(tidy_haid):
    job = "echo $$ >> pids; sleep 0.5; echo {} >> ended"
    process, pids = start_jobs(tidy_haid, job, "--timeout", "3", count=1, running=1)
    process.send_signal(signal.SIGTSTP)
    wait_until(lambda: state_of(process.pid) == "T", "the program is stopped")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(4)
    assert state_of(pids[0]) == "T"
    process.send_signal(signal.SIGCONT)
    result = tidy_haid.finish(process)
    assert (result.status, result.err) == (0, "")
    assert whole_lines(tidy_haid.folder / "ended") == ["1"]


def test_time_in_which_everything_stood_still_is_no_time_of_a_job(tidy_haid):
    job = "echo {} >> started; for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done; echo ok {}"
    process = tidy_haid.start("-j2", "--timeout", "2.5", job, ":::", "1", "2")
    wait_for_line_in(tidy_haid.folder / "started", 2)
    frozen = sorted(tidy_haid.alive(), key=lambda pid: pid != process.pid)
    for pid in frozen:
        signal_if_alive(pid, signal.SIGSTOP)
    time.sleep(3.5)
    for pid in reversed(frozen):
        signal_if_alive(pid, signal.SIGCONT)
    result = tidy_haid.finish(process)
    assert (result.status, sorted(result.lines), result.err) == (0, ["ok 1", "ok 2"], "")


def test_a_job_that_ended_in_time_has_ended_in_time_where_the_program_alone_stood_still(tidy_haid):
    for _ in range(5):
        (tidy_haid.folder / "ended").unlink(missing_ok=True)
        process = tidy_haid.start("--timeout", "2", "sleep 0.3; echo {} >> ended", ":::", "1")
        wait_until(lambda: tidy_haid.alive_as("sleep 0.3"), "the job runs")
        process.send_signal(signal.SIGSTOP)
        wait_for_line_in(tidy_haid.folder / "ended")
        time.sleep(2.5)  # past the limit
        process.send_signal(signal.SIGCONT)
        result = tidy_haid.finish(process)
        assert (result.status, result.err) == (0, "")


def test_usr1_lists_what_runs_and_changes_nothing(tidy_haid):
    process, _, errors = start_telling_errors(tidy_haid, PATIENT, count=3)
    process.send_signal(signal.SIGUSR1)
    wait_until(lambda: len(re.findall(r"^haid: job [12] runs for \d+ s: ", errors.read_text(), re.MULTILINE)) == 2, "the list")
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 0
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2", "3"]


def test_jobs_see_default_signals_and_an_empty_mask(tidy_haid):
    result = tidy_haid.run("grep -E '^Sig(Blk|Ign)'", ":::", "/proc/self/status", restore_signals=True)
    values = dict(line.split() for line in result.lines)
    assert int(values["SigBlk:"], 16) == 0
    ignored = int(values["SigIgn:"], 16)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGTSTP, signal.SIGCHLD):
        assert not ignored & (1 << (number - 1)), number.name


# -- signals that are ignored when the program starts


def ignoring(*names):
    """The words before a command that have it ignore signals, as nohup and background jobs of scripts do."""
    return ("sh", "-c", f"trap '' {' '.join(names)}; exec \"$@\"", "sh")


def send_ignored(process, number, errors):
    """Sends a signal, and waits until the program has read what there was to read."""
    told = errors.stat().st_size
    process.send_signal(number)
    process.send_signal(signal.SIGUSR1)
    wait_until(lambda: errors.stat().st_size > told, "an answer")


@pytest.mark.parametrize(
    "number, before",
    [
        (signal.SIGHUP, ("nohup",)),
        (signal.SIGINT, ignoring("INT", "QUIT")),
        (signal.SIGTERM, ignoring("TERM")),
        (signal.SIGTSTP, ignoring("TSTP")),
    ],
)
@pytest.mark.parametrize("verb", ["commands", "scripts", "parallel"])
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(tidy_haid, number, before, verb):
    if verb == "parallel":
        link = tidy_haid.folder / "parallel"
        link.symlink_to(tidy_haid.path)
        tidy_haid.path = str(link)
    script = tidy_haid.file("job.sh", PATIENT.replace("{}", "$1") + "\n")
    words = ["run", "-j2", script, "--"] if verb == "scripts" else ["-j2", PATIENT]
    path = tidy_haid.folder / "errors"
    with path.open("wb") as errors:
        process = tidy_haid.start(*words, ":::", 1, 2, 3, before=before, stderr=errors)
    pids = [int(pid) for pid in wait_for_line_in(tidy_haid.folder / "pids", 2)]
    for _ in range(2):
        send_ignored(process, number, path)
        time.sleep(ECHO)
    assert state_of(process.pid) in ("S", "R", "D")
    assert all(state_of(pid) for pid in pids)
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 0
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2", "3"]
    assert number.name not in path.read_text()


def test_jobs_inherit_what_is_ignored_as_under_any_program(tidy_haid):
    result = tidy_haid.run("grep ^SigIgn", ":::", "/proc/self/status", before=ignoring("INT", "HUP"))
    ignored = int(result.out.split()[1], 16)
    for number in (signal.SIGINT, signal.SIGHUP):
        assert ignored & (1 << (number - 1)), number.name
    assert not ignored & (1 << (signal.SIGTERM - 1))


def test_where_ended_children_are_ignored_the_jobs_ends_are_known_all_the_same(tidy_haid):
    result = tidy_haid.run(
        "exit {}", ":::", 0, 3, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN), time_limit=20
    )
    assert result.status == 1
    assert "exit 3" in result.err


# -- from a terminal


def test_ctrl_c_once_waits_and_twice_ends_the_jobs(tidy_haid):
    terminal = Terminal(tidy_haid, "-j2", TELLS_SIGNAL, ":::", *range(1, 7))
    wait_for_line_in(tidy_haid.folder / "pids", 2)
    terminal.type(b"\x03")
    terminal.wait_for(STARTING_NO_MORE.encode())
    assert whole_lines(tidy_haid.folder / "told") == []
    time.sleep(ECHO)
    terminal.type(b"\x03")
    assert terminal.finish() == 130
    assert sorted(whole_lines(tidy_haid.folder / "told")) == ["1", "2"]


def test_ctrl_c_does_not_reach_the_jobs_themselves(tidy_haid):
    job = "trap 'echo {} >> told' INT; " + PATIENT
    terminal = Terminal(tidy_haid, "-j2", job, ":::", "1", "2", "3")
    wait_for_line_in(tidy_haid.folder / "pids", 2)
    terminal.type(b"\x03")
    terminal.wait_for(STARTING_NO_MORE.encode())
    (tidy_haid.folder / "go").touch()
    assert terminal.finish() == 130
    assert whole_lines(tidy_haid.folder / "told") == []
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2"]


def test_ctrl_z_stops_the_jobs_until_the_program_is_continued(tidy_haid):
    terminal = Terminal(tidy_haid, "-j2", PATIENT, ":::", "1", "2")
    pids = [int(pid) for pid in wait_for_line_in(tidy_haid.folder / "pids", 2)]
    terminal.type(b"\x1a")
    for pid in [*pids, terminal.process.pid]:
        wait_until(lambda: state_of(pid) == "T", f"process {pid} is stopped")
    terminal.process.send_signal(signal.SIGCONT)
    for pid in pids:
        wait_until(lambda: state_of(pid) != "T", f"process {pid} goes on")
    (tidy_haid.folder / "go").touch()
    assert terminal.finish() == 0


def test_a_terminal_that_is_closed_starts_no_more_jobs_and_lets_running_ones_end(tidy_haid):
    master, slave = os.openpty()
    with (tidy_haid.folder / "output").open("wb") as output:
        command = ["setsid", "--ctty", "--wait", *tidy_haid.command(["-j2", "--joblog", "log", PATIENT, ":::", *range(1, 7)])]
        process = tidy_haid.start_command(command, stdin=slave, stdout=output, stderr=slave)
    os.close(slave)
    pids = [int(pid) for pid in wait_for_line_in(tidy_haid.folder / "pids", 2)]
    os.close(master)
    time.sleep(0.5)  # for the hang-up to be acted upon, which nothing shows from outside
    assert all(state_of(pid) for pid in pids)
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 129
    assert sorted(whole_lines(tidy_haid.folder / "ended")) == ["1", "2"]
    assert sorted(entry["Seq"] for entry in log_entries(tidy_haid.folder / "log")) == ["1", "2"]


def test_a_job_that_signals_the_programs_own_group_harms_nobody(tidy_haid):
    result = tidy_haid.run("-k", "kill -TERM 0; sleep 600", ":::", "1", "2")
    assert result.status == 2
    assert "killed by SIGTERM" in result.err


def test_a_signal_between_short_jobs_is_not_lost(tidy_haid):
    tidy_haid.file("inputs", "x\n" * 1_000_000)
    process = tidy_haid.start("-j1", "--joblog", "log", "/bin/true {}", "::::", "inputs")
    wait_for_line_in(tidy_haid.folder / "log", 20)
    process.send_signal(signal.SIGINT)
    assert tidy_haid.finish(process).status == 130


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTSTP, signal.SIGSTOP])
def test_what_is_sent_to_the_programs_group_never_reaches_a_job_that_is_being_started(tidy_haid, number):
    count = 1500
    tidy_haid.file("inputs", "".join(f"{i}\n" for i in range(1, count + 1)))
    with (tidy_haid.folder / "errors").open("wb") as errors:
        process = tidy_haid.start("-j2", "--joblog", "log", "echo {} >> ran", "::::", "inputs", stderr=errors)
    wait_for_line_in(tidy_haid.folder / "log", 20)
    log = tidy_haid.folder / "log"
    # At its end the program has its signals back.
    until = time.monotonic() + TIME_LIMIT
    while log.read_bytes().count(b"\n") < count - 100 and process.poll() is None and time.monotonic() < until:
        os.killpg(process.pid, number)
        os.killpg(process.pid, signal.SIGCONT)
        time.sleep(0.0003)
    assert tidy_haid.finish(process).status == 0
    assert sorted(map(int, whole_lines(tidy_haid.folder / "ran"))) == list(range(1, count + 1))
    assert {(entry["Exitval"], entry["Signal"]) for entry in log_entries(log)} == {("0", "0")}


def test_a_job_that_wants_to_read_from_the_terminal_is_ended_and_told(tidy_haid):
    terminal = Terminal(tidy_haid, "-j1", "read x < /dev/tty; echo {}", ":::", "1", "2")
    assert terminal.finish() == 2
    told = [line for line in terminal.lines if "wants to use the terminal" in line]
    assert len(told) == 2


# -- what a job's shell leaves behind when it is ended

# The shell dies of the first SIGTERM; its child does not.
LEAVES_A_STUBBORN_CHILD = "bash -c 'trap \"\" TERM INT; echo $$ >> pids; while :; do sleep 0.05; done'; true"


@pytest.mark.parametrize("options", [["--timeout", "0.5"], ["--timeout", "0.5", "--termseq", "TERM,100,KILL,25"]])
def test_a_time_limit_ends_what_the_shell_of_a_job_started_too(haid, options):
    result = haid.run(*options, LEAVES_A_STUBBORN_CHILD, ":::", "1")
    assert (result.status, haid.alive()) == (1, [])
    assert "took too long" in result.err


def test_halt_now_ends_what_the_shells_of_other_jobs_started_too(haid):
    fails = "while [ ! -s pids ]; do sleep 0.02; done; exit 3"
    result = haid.run("-j2", "--halt", "now,fail=1", "{}", ":::", LEAVES_A_STUBBORN_CHILD, fails)
    assert (result.status, haid.alive()) == (3, [])


@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
def test_a_run_that_is_stopped_ends_what_the_shells_of_its_jobs_started_too(haid, numbers):
    process, _, errors = start_telling_errors(haid, LEAVES_A_STUBBORN_CHILD, count=2)
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.5)  # a second one counts from then on
    assert haid.finish(process).status == 128 + numbers[0]
    assert haid.alive() == []


def test_a_ladder_without_sigkill_does_not_wait_for_what_it_cannot_end(haid):
    result = haid.run("--timeout", "0.5", "--termseq", "TERM,100", LEAVES_A_STUBBORN_CHILD, ":::", "1")
    assert result.status == 1
    assert len(haid.alive_as("bash -c")) == 1


# -- SIGCHLD


IGNORES_CHILDREN = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])"


def test_how_children_end_is_known_where_the_parent_ignores_the_ends_of_its_own(tidy_haid):
    before = ["python3", "-c", IGNORES_CHILDREN]
    result = tidy_haid.run("-j1", "--joblog", "log", "exit {}", ":::", "0", "3", before=before)
    assert result.status == 1
    assert [line.split("\t")[6] for line in (tidy_haid.folder / "log").read_text().splitlines()[1:]] == ["0", "3"]
    tidy_haid.file("bin/sbatch", "#!/bin/sh\nexit 3\n", mode=0o755)
    tidy_haid.environment |= {"PATH": f"{tidy_haid.folder}/bin:/usr/bin:/bin", "HAID_RUN_FOLDER": str(tidy_haid.folder / "kept")}
    result = tidy_haid.run("submit", "--", "true", ":::", "1", before=before)
    assert result.status == 3, "sbatch's own"
