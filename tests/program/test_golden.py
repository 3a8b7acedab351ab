"""What a person sees: in a pipe, and on a terminal."""

import re
import subprocess

import pytest

from support import wait_until
from terminal import Terminal, screen

PROGRESS = re.compile(r"\d+ (running|done)|so far|\[[#.]+\]")


def progress_lines(data):
    """Everything that was ever drawn as progress, whether or not it was wiped later."""
    return [text for text in re.findall(rb"\r([^\r\n\033]+)\033\[K", data) if PROGRESS.search(text.decode())]


# -- help and mistakes


def test_without_anything_on_a_terminal_help_appears(haid):
    terminal = Terminal(haid)
    terminal.finish()
    text = "\n".join(terminal.lines)
    assert "haid < commands.txt" in text
    assert "--joblog" in text


def test_help_names_verbs_and_options_and_succeeds(haid):
    result = haid.run("--help")
    assert result.status == 0
    for text in ("haid run", "haid resources", "-j", "--keep-order", "--joblog", "--resume", "Exit status"):
        assert text in result.out
    assert result.err == ""


@pytest.mark.parametrize("option", ["--no-such-option", "-Y"])
def test_an_unknown_option_is_named(haid, option):
    result = haid.run(option, "echo", ":::", "1")
    assert result.status == 255
    assert result.out == ""
    assert option in result.err
    assert "haid --help" in result.err


@pytest.mark.parametrize("option", ["--pipe", "--sshlogin", "--tmux"])
def test_an_option_still_to_come_is_an_error_that_says_so(haid, option):
    result = haid.run(option, "cat", input="1\n")
    assert result.status == 255
    assert result.out == ""
    assert option in result.err
    assert "does not have yet" in result.err


def test_an_option_with_an_impossible_value_is_named(haid):
    result = haid.run("-j", "many", "echo", ":::", "1")
    assert result.status == 255
    assert "--jobs" in result.err and "'many'" in result.err


def test_a_missing_input_file_is_named_with_the_reason(haid):
    result = haid.run("echo", "::::", "missing.txt")
    assert result.status == 255
    assert result.out == ""
    assert "'missing.txt'" in result.err and "No such file or directory" in result.err


def test_resources_show_values_sources_and_what_decided(haid):
    result = haid.run("resources")
    assert result.status == 0
    assert re.search(r"^CPUs that may be used: \d+$", result.out, re.MULTILINE)
    assert re.search(r"^Memory that may be used: ", result.out, re.MULTILINE)
    assert re.search(r"^  affinity mask +\d+ ", result.out, re.MULTILINE)
    assert re.search(r"\d+ sockets, \d+ cores, \d+ hardware threads", result.out)
    assert "<- decided" in result.out
    assert result.err == ""


def test_an_inherited_budget_is_a_source_and_decides(haid):
    result = haid.run("resources", environment={"HAID_CPUS": "1"})
    assert "CPUs that may be used: 1" in result.out
    assert re.search(r"HAID_CPUS.*<- decided", result.out)


# -- output


def test_output_of_a_job_stays_together(haid):
    job = "echo begin {}; sleep 0.0{}; echo middle {}; echo end {}"
    result = haid.run("-j4", job, ":::", *range(1, 9))
    assert result.status == 0
    blocks = [result.lines[i : i + 3] for i in range(0, 24, 3)]
    for block in blocks:
        number = block[0].split()[1]
        assert block == [f"begin {number}", f"middle {number}", f"end {number}"]
    assert result.err == ""


def test_standard_error_of_jobs_is_kept_apart(haid):
    result = haid.run("-k", "echo out {}; echo err {} >&2", ":::", "1", "2")
    assert result.out == "out 1\nout 2\n"
    assert result.err == "err 1\nerr 2\n"


def test_commands_are_shown_by_dry_run_t_and_v(haid):
    dry = haid.run("-k", "--dry-run", "echo {} ; touch ran", ":::", "a b", "c")
    assert dry.out == "echo 'a b' ; touch ran\necho c ; touch ran\n"
    assert not (haid.folder / "ran").exists()
    trace = haid.run("-k", "-t", "echo", ":::", "1", "2")
    assert (trace.out, trace.err) == ("1\n2\n", "echo 1\necho 2\n")
    verbose = haid.run("-k", "-v", "echo", ":::", "1", "2")
    assert (verbose.out, verbose.err) == ("echo 1\n1\necho 2\n2\n", "")


def test_a_failing_run_ends_with_a_list_of_what_failed_and_how(haid):
    result = haid.run("-k", "-j1", "--timeout", "5", input="true\nexit 3\nkill -9 $$\nno_such_command_at_all\nsleep 60\n")
    assert result.status == 4
    assert "4 of 5 jobs failed" in result.err
    told = result.err[result.err.index("4 of 5 jobs failed") :]
    assert re.search(r"job 2 +exit 3 +exit 3", told)
    assert re.search(r"job 3 +killed by SIGKILL +kill -9 \$\$", told)
    assert re.search(r"job 4 +exit 127 .*no_such_command_at_all", told)
    assert re.search(r"job 5 +took too long +sleep 60", told)


def test_a_successful_run_says_nothing_of_its_own(haid):
    result = haid.run("true", ":::", *range(20))
    assert (result.status, result.out, result.err) == (0, "", "")


def test_the_list_of_failures_does_not_let_a_command_move_the_cursor(haid):
    result = haid.run("exit 1 #{}", ":::", "\033[2J\a\r")
    assert result.status == 1
    assert "1 of 1 job failed" in result.err
    assert not set("\033\a\r") & set(result.err)


def test_called_parallel_the_extras_are_not_printed(as_parallel):
    result = as_parallel.run("exit {}", ":::", "0", "1", "2")
    assert (result.status, result.out, result.err) == (2, "", "")
    terminal = Terminal(as_parallel, "sleep 2.3; echo {}", ":::", "x")
    assert terminal.finish() == 0
    assert terminal.lines == ["x"]
    assert progress_lines(terminal.data) == []


def test_called_parallel_a_verb_is_a_command(as_parallel):
    result = as_parallel.run("--dry-run", "run", ":::", "x")
    assert result.out == "run x\n"


# -- progress


def test_on_a_terminal_a_progress_line_appears_by_itself_and_never_mixes_with_output(haid):
    terminal = Terminal(haid, "-j2", "sleep {}; echo slept {}", ":::", "2.3", "2.5", "0.5", "1")
    assert terminal.finish() == 0
    drawn = progress_lines(terminal.data)
    assert drawn, "no progress line was drawn"
    assert any(b"running" in text and b"so far" in text for text in drawn)
    assert sorted(terminal.lines) == ["slept 0.5", "slept 1", "slept 2.3", "slept 2.5"]


def test_a_short_run_on_a_terminal_draws_nothing(haid):
    terminal = Terminal(haid, "echo", ":::", "1")
    assert terminal.finish() == 0
    assert terminal.data == b"1\r\n"


def test_in_a_pipe_no_progress_line_appears(haid):
    result = haid.run("sleep 2.3; echo {}", ":::", "1")
    assert (result.out, result.err) == ("1\n", "")


def test_progress_goes_to_the_terminal_while_output_goes_to_a_pipe(haid):
    terminal = Terminal(haid, "sleep 2.3; echo {}", ":::", "1", stdout=subprocess.PIPE)
    output = terminal.process.stdout.read()
    assert terminal.finish() == 0
    assert output == b"1\n"
    assert progress_lines(terminal.data)
    assert terminal.lines == []


def test_no_progress_is_drawn_where_it_was_switched_off(haid):
    terminal = Terminal(haid, "--no-progress", "sleep 2.3; echo {}", ":::", "1")
    assert terminal.finish() == 0
    assert terminal.lines == ["1"]
    assert progress_lines(terminal.data) == []


@pytest.mark.parametrize("option, last", [("--bar", r"\[#+\] 100% 6/6"), ("--eta", "6/6 done"), ("--progress", "6/6 done")])
def test_asked_for_progress_is_drawn_on_a_terminal_and_output_stays_whole(haid, option, last):
    terminal = Terminal(haid, option, "-k", "-j2", "sleep 0.2; echo result {}", ":::", *"abcdef")
    assert terminal.finish() == 0
    assert progress_lines(terminal.data)
    results = [line for line in terminal.lines if not PROGRESS.search(line)]
    assert results == [f"result {letter}" for letter in "abcdef"]
    assert re.search(last, terminal.lines[-1])


@pytest.mark.parametrize("option, last", [("--bar", "100% 3/3"), ("--eta", "3/3 done"), ("--progress", "3/3 done")])
def test_asked_for_progress_in_a_pipe_has_whole_lines_and_no_control_characters(haid, option, last):
    result = haid.run(option, "-k", "echo", ":::", "1", "2", "3")
    assert result.out == "1\n2\n3\n"
    assert last in result.err.splitlines()[-1]
    assert result.err.endswith("\n")
    assert "\r" not in result.err and "\033" not in result.err


def test_a_narrow_terminal_is_not_wrapped(haid):
    terminal = Terminal(haid, "--bar", "sleep 0.3; true {}", ":::", *range(12), width=40)
    assert terminal.finish() == 0
    assert all(len(text) < 40 for text in progress_lines(terminal.data))


def test_reading_commands_from_a_terminal_is_said(haid):
    terminal = Terminal(haid, "echo", "got")
    terminal.wait_for(b"Ctrl-D")
    terminal.type(b"one\n")
    wait_until(lambda: "got one" in terminal.lines, "the first line was run while the input is open")
    terminal.type(b"two\n\x04")
    assert terminal.finish() == 0
    assert "got two" in terminal.lines


def test_the_emulated_terminal_wipes_as_a_real_one_does():
    assert screen(b"\r3 running\033[K\r\033[Kresult\r\n") == ["result"]
    assert screen(b"\r3 running\033[Kresult\r\n") == ["3 runningresult"]
