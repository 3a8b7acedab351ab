"""The job log, and runs that go on from it."""

import re
import subprocess

import pytest

from support import log_entries, wait_for_line_in, whole_lines

HEADER = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand"
NOTE = "echo {} >> ran"


def ran(haid):
    """What has run since the last look."""
    path = haid.folder / "ran"
    lines = sorted(whole_lines(path))
    path.unlink(missing_ok=True)
    return lines


def log_of(haid, name="log"):
    return log_entries(haid.folder / name)


def test_the_log_has_a_line_for_each_job_in_the_known_columns(tidy_haid):
    result = tidy_haid.run("-j1", "--joblog", "log", "printf {}", ":::", "abc", "de fg")
    assert result.out == "abcde fg"
    lines = whole_lines(tidy_haid.folder / "log")
    assert lines[0] == HEADER
    assert re.fullmatch(r"1\t:\t\d{10}\.\d{3}\t +\d+\.\d{3}\t0\t3\t0\t0\tprintf abc", lines[1])
    assert [entry["Command"] for entry in log_of(tidy_haid)] == ["printf abc", "printf 'de fg'"]


def test_failed_killed_and_timed_out_jobs_are_told_apart(tidy_haid):
    commands = "exit 7\nkill -9 $$\nkill -TERM $$\nsleep 600\ntrap 'exit 0' TERM; while :; do sleep 0.02; done\ntrue\n"
    result = tidy_haid.run("-j6", "--timeout", "2", "--joblog", "log", input=commands)
    assert result.status == 5
    found = {entry["Seq"]: (entry["Exitval"], entry["Signal"]) for entry in log_of(tidy_haid)}
    assert found["1"] == ("7", "0")
    assert found["2"] == ("0", "9")
    assert found["3"] == ("0", "15")
    assert found["4"][0] == "-1"
    assert found["5"][0] == "-1"
    assert found["6"] == ("0", "0")


def test_a_command_of_several_lines_takes_one_line_and_is_recognised(tidy_haid):
    arguments = ["--joblog", "log", "echo {} >> ran\ntrue", ":::", "1"]
    assert tidy_haid.run(*arguments).status == 0
    assert ran(tidy_haid) == ["1"]
    assert len(whole_lines(tidy_haid.folder / "log")) == 2
    assert tidy_haid.run("--resume", *arguments).status == 0
    assert ran(tidy_haid) == []


def test_a_new_run_begins_a_new_log_and_plus_adds_to_it(tidy_haid):
    tidy_haid.run("--joblog", "log", "true", ":::", "1", "2", "3")
    tidy_haid.run("--joblog", "log", "true", ":::", "a")
    assert [entry["Command"] for entry in log_of(tidy_haid)] == ["true a"]
    tidy_haid.run("--joblog", "+log", "true", ":::", "b")
    assert [entry["Command"] for entry in log_of(tidy_haid)] == ["true a", "true b"]
    assert whole_lines(tidy_haid.folder / "log").count(HEADER) == 1


def test_resume_runs_what_the_log_does_not_have(tidy_haid):
    tidy_haid.run("--joblog", "log", NOTE, ":::", "1", "2")
    assert ran(tidy_haid) == ["1", "2"]
    result = tidy_haid.run("--resume", "--joblog", "log", NOTE, ":::", "1", "2", "3", "4")
    assert (result.status, result.err) == (0, "")
    assert ran(tidy_haid) == ["3", "4"]
    assert sorted(entry["Seq"] for entry in log_of(tidy_haid)) == ["1", "2", "3", "4"]
    tidy_haid.run("--resume", "--joblog", "log", NOTE, ":::", "1", "2", "3", "4")
    assert ran(tidy_haid) == []


def test_a_dry_run_shows_what_a_resume_would_run_and_changes_nothing(tidy_haid):
    job = "[ {} != 2 ]"
    tidy_haid.run("--joblog", "log", job, ":::", "1", "2", "3")
    before = (tidy_haid.folder / "log").read_bytes()
    for how, shown in (("--resume", ["[ 4 != 2 ]"]), ("--retry-failed", ["[ 2 != 2 ]"])):
        result = tidy_haid.run("--dry-run", how, "--joblog", "log", job, ":::", "1", "2", "3", "4")
        assert (result.status, result.out.splitlines()) == (0, shown)
    assert (tidy_haid.folder / "log").read_bytes() == before


def test_resume_leaves_failed_jobs_and_resume_failed_runs_them_again(tidy_haid):
    job = "echo {} >> ran; [ -e mended ] || [ {} != 2 ]"
    assert tidy_haid.run("--joblog", "log", job, ":::", "1", "2", "3").status == 1
    assert ran(tidy_haid) == ["1", "2", "3"]
    assert tidy_haid.run("--resume", "--joblog", "log", job, ":::", "1", "2", "3").status == 0
    assert ran(tidy_haid) == []
    (tidy_haid.folder / "mended").touch()
    assert tidy_haid.run("--resume-failed", "--joblog", "log", job, ":::", "1", "2", "3", "4").status == 0
    assert ran(tidy_haid) == ["2", "4"]
    assert tidy_haid.run("--resume-failed", "--joblog", "log", job, ":::", "1", "2", "3", "4").status == 0
    assert ran(tidy_haid) == []


def test_retry_failed_takes_commands_and_numbers_from_the_log_alone(tidy_haid):
    job = "echo $PARALLEL_SEQ {} >> ran; [ -e mended ] || [ {} = b ]"
    assert tidy_haid.run("-j1", "--joblog", "log", job, ":::", "a", "b", "c").status == 2
    assert ran(tidy_haid) == ["1 a", "2 b", "3 c"]
    (tidy_haid.folder / "mended").touch()
    assert tidy_haid.run("--retry-failed", "--joblog", "log", stdin=subprocess.DEVNULL).status == 0
    assert ran(tidy_haid) == ["1 a", "3 c"]
    assert tidy_haid.run("--retry-failed", "--joblog", "log").status == 0
    assert ran(tidy_haid) == []


def test_resume_runs_a_job_again_whose_command_changed_and_says_so(tidy_haid):
    tidy_haid.run("--joblog", "log", NOTE, ":::", "1", "2", "3")
    ran(tidy_haid)
    result = tidy_haid.run("--resume", "--joblog", "log", NOTE, ":::", "1", "other", "3")
    assert result.status == 0
    assert ran(tidy_haid) == ["other"]
    assert "job 2 is run again" in result.err
    assert "echo other >> ran" in result.err
    assert "job 1" not in result.err and "job 3" not in result.err


def test_resume_reads_a_log_of_gnu_parallel(tidy_haid):
    lines = [HEADER, *(f"{n}\t:\t1700000000.123\t     0.001\t0\t0\t{n - 1}\t0\techo {n} >> ran" for n in (1, 2))]
    tidy_haid.file("log", "\n".join(lines) + "\n")
    assert tidy_haid.run("--resume-failed", "--joblog", "log", NOTE, ":::", "1", "2", "3").status == 0
    assert ran(tidy_haid) == ["2", "3"]


@pytest.mark.parametrize("option", ["--resume", "--resume-failed", "--retry-failed"])
def test_a_log_of_garbage_is_an_error_that_names_the_line_and_leaves_the_file_alone(tidy_haid, option):
    text = f"{HEADER}\n1\t:\t1700000000.123\t     0.001\t0\t0\t0\t0\techo 1\nthis is no log\n"
    tidy_haid.file("log", text)
    result = tidy_haid.run(option, "--joblog", "log", NOTE, ":::", "1", "2")
    assert result.status == 255
    assert "line 3" in result.err and "'log'" in result.err
    assert ran(tidy_haid) == []
    assert (tidy_haid.folder / "log").read_text() == text


@pytest.mark.parametrize("cut", [1, 8, 30])
def test_a_last_line_that_was_cut_does_not_count_and_is_mended(tidy_haid, cut):
    tidy_haid.run("-j1", "--joblog", "log", NOTE, ":::", "1", "2", "3")
    ran(tidy_haid)
    path = tidy_haid.folder / "log"
    path.write_bytes(path.read_bytes()[:-cut])
    assert tidy_haid.run("--resume", "--joblog", "log", NOTE, ":::", "1", "2", "3").status == 0
    assert ran(tidy_haid) == ["3"]
    assert [(entry["Seq"], entry["Command"]) for entry in log_of(tidy_haid)] == [(str(n), f"echo {n} >> ran") for n in (1, 2, 3)]


def test_resume_with_an_empty_or_missing_log_runs_everything(tidy_haid):
    tidy_haid.file("empty", "")
    for name in ("empty", "missing"):
        assert tidy_haid.run("--resume", "--joblog", name, NOTE, ":::", "1", "2").status == 0
        assert ran(tidy_haid) == ["1", "2"]
        assert len(log_of(tidy_haid, name)) == 2


def test_resume_without_a_log_is_an_error(tidy_haid):
    result = tidy_haid.run("--resume", NOTE, ":::", "1")
    assert result.status == 255
    assert "--joblog" in result.err
    assert ran(tidy_haid) == []


def test_a_log_that_cannot_be_written_is_an_error_before_anything_runs(tidy_haid):
    result = tidy_haid.run("--joblog", "no/such/folder/log", NOTE, ":::", "1")
    assert result.status == 255
    assert "no/such/folder/log" in result.err
    assert ran(tidy_haid) == []


def test_a_dry_run_does_not_touch_the_log(tidy_haid):
    tidy_haid.run("--joblog", "log", "true", ":::", "1")
    before = (tidy_haid.folder / "log").read_bytes()
    assert tidy_haid.run("--dry-run", "--joblog", "log", "true", ":::", "2").out == "true 2\n"
    assert (tidy_haid.folder / "log").read_bytes() == before


def test_lines_appear_as_jobs_end(tidy_haid):
    process = tidy_haid.start("-j1", "--joblog", "log", "[ {} = 1 ] || while [ ! -e go ]; do sleep 0.02; done", ":::", "1", "2")
    assert wait_for_line_in(tidy_haid.folder / "log", 2)[1].startswith("1\t")
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 0


# -- results


def test_results_keep_both_streams_of_each_job_and_resume_uses_them(tidy_haid):
    job = "echo {} >> ran; echo out {}; echo err {} >&2"
    assert tidy_haid.run("--results", "kept", job, ":::", "a", "b").status == 0
    assert ran(tidy_haid) == ["a", "b"]
    assert (tidy_haid.folder / "kept/1/a/stdout").read_text() == "out a\n"
    assert (tidy_haid.folder / "kept/1/b/stderr").read_text() == "err b\n"
    assert tidy_haid.run("--resume", "--results", "kept", job, ":::", "a", "b", "c").status == 0
    assert ran(tidy_haid) == ["c"]


def test_results_with_a_log_follow_the_log(tidy_haid):
    options = ["--joblog", "log", "--results", "kept"]
    assert tidy_haid.run(*options, NOTE, ":::", "a", "b").status == 0
    assert ran(tidy_haid) == ["a", "b"]
    assert tidy_haid.run("--resume", *options, NOTE, ":::", "a", "b", "c").status == 0
    assert ran(tidy_haid) == ["c"]
    assert len(log_of(tidy_haid)) == 3
