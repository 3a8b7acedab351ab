"""The job log, and runs that go on from it."""

import csv
import io
import json
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
    assert len(result.err.splitlines()) == 1
    assert "job log has another command for job 2 than 'echo other >> ran'" in result.err


KEPT = [["--joblog", "log"], ["--results", "t.csv"], ["--results", "t.tsv"], ["--results", "t.json"]]


@pytest.mark.parametrize("where", KEPT)
@pytest.mark.parametrize(
    "first, then, left",
    [
        ("1 2 3 4", "new 1 2 3 4", "new"),
        ("1 2 3 4", "2 3 4 5", "5"),
        ("1 2 3 4", "4 3 2 1", ""),
        ("a b a", "new b a a a", "a new"),
        ("a b", "b b a a", "a b"),
        ("a a a", "a a a a", "a"),
        ("a b a b a b", "new a b a b a b a b", "a b new"),
    ],
)
def test_resume_finds_by_their_commands_jobs_that_have_another_number_now(tidy_haid, where, first, then, left):
    assert tidy_haid.run("-j1", *where, NOTE, ":::", *first.split()).status == 0
    ran(tidy_haid)
    for expected in (left.split(), []):
        result = tidy_haid.run("-j1", "--resume", *where, NOTE, ":::", *then.split())
        assert result.status == 0
        assert ran(tidy_haid) == expected
        assert len(result.err.splitlines()) <= 1, result.err


def test_jobs_of_one_command_are_told_apart_by_their_numbers(tidy_haid):
    job = "echo $PARALLEL_SEQ >> ran"
    options = ["-j1", "--joblog", "log", "-n0", job, ":::", *range(5)]
    assert tidy_haid.run(*options).status == 0
    ran(tidy_haid)
    log = tidy_haid.folder / "log"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:1] + lines[2:5:2]))
    result = tidy_haid.run("--resume", *options)
    assert (result.status, result.err) == (0, "")
    assert ran(tidy_haid) == ["1", "3", "5"]
    # That some of them are in the log more than once does not mean that others have run.
    assert tidy_haid.run("-j1", "--joblog", "+log", "-n0", job, ":::", *range(5)).status == 0
    ran(tidy_haid)
    assert tidy_haid.run("--resume", *options, "5", "6").status == 0
    assert ran(tidy_haid) == ["6", "7"]


def test_a_failure_whose_number_another_job_has_now_is_not_forgotten(tidy_haid):
    job = "echo {} >> ran; [ -e mended ] || [ {} != bad ]"
    first, then = ["bad", "b", "c"], ["new", "bad", "b", "c"]
    options = ["-j1", "--joblog", "log"]
    assert tidy_haid.run(*options, job, ":::", *first).status == 1
    assert tidy_haid.run("--resume", *options, job, ":::", *then).status == 0
    assert ran(tidy_haid) == ["b", "bad", "c", "new"]
    (tidy_haid.folder / "mended").touch()
    for inputs, expected in ((then, ["bad"]), (then, []), (first, []), (then, [])):
        assert tidy_haid.run("--resume-failed", *options, job, ":::", *inputs).status == 0
        assert ran(tidy_haid) == expected


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


def whole_table(path):
    """The rows of a table as {column: text}; the file ends with a whole one."""
    text = path.read_bytes().decode()
    if path.suffix == ".json":
        assert text.endswith("}\n")
        rows = [json.loads(line) for line in text.splitlines()]
        return [{name: str(value) for name, value in row.items()} for row in rows]
    assert text.endswith("\n") and text.count("Seq") == 1
    return list(csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ","))


TABLES = ["t.csv", "t.tsv", "t.json"]
ODD = "echo {} >> ran; printf 'a \"quoted\",\\tfield\\nin lines\\\\\\n'; echo {}; [ -e mended ] || [ {} != 2 ]"


def test_results_in_folders_know_what_failed(tidy_haid):
    options = ["--results", "kept", "echo {} >> ran; [ -e mended ] || [ {} != 2 ]", ":::", "1", "2", "3"]
    assert tidy_haid.run(*options).status == 1
    assert ran(tidy_haid) == ["1", "2", "3"]
    assert (tidy_haid.folder / "kept/1/2/status").read_text() == "1 0\n"
    assert not (tidy_haid.folder / "kept/1/1/status").exists()
    assert tidy_haid.run("--resume", *options).status == 0
    assert ran(tidy_haid) == []
    assert tidy_haid.run("--resume-failed", *options).status == 1
    assert ran(tidy_haid) == ["2"]
    (tidy_haid.folder / "mended").touch()
    assert tidy_haid.run("--resume-failed", *options).status == 0
    assert ran(tidy_haid) == ["2"]
    assert tidy_haid.run("--resume-failed", *options).status == 0
    assert ran(tidy_haid) == []


@pytest.mark.parametrize("where", ["kept", "kept/{}.txt", *TABLES])
def test_what_a_time_limit_has_cut_off_has_failed_in_the_results_too(tidy_haid, where):
    job = "echo {} >> ran; trap 'exit 0' TERM; [ -e mended ] || while :; do sleep 0.02; done"
    assert tidy_haid.run("--timeout", "0.5", "--results", where, job, ":::", "1").status == 1
    assert ran(tidy_haid) == ["1"]
    (tidy_haid.folder / "mended").touch()
    for expected in (["1"], []):
        assert tidy_haid.run("--resume-failed", "--results", where, job, ":::", "1").status == 0
        assert ran(tidy_haid) == expected


def test_a_result_that_was_being_written_again_is_none(tidy_haid):
    folder = tidy_haid.folder / "kept/1/1"
    tidy_haid.run("--results", "kept", "echo old", ":::", "1")
    (folder / "stdout").unlink()
    (folder / "stdout").mkdir()  # cannot be written
    assert tidy_haid.run("--results", "kept", "echo new", ":::", "1").status == 255
    assert not (folder / "seq").exists()


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("log", [[], ["--joblog", "log"]])
def test_a_table_goes_on_where_it_ended(tidy_haid, name, log):
    options = [*log, "--results", name, ODD, ":::"]
    path = tidy_haid.folder / name
    assert tidy_haid.run("-j1", *options, "1", "2", "3").status == 1
    assert ran(tidy_haid) == ["1", "2", "3"]
    before = path.read_bytes()
    assert tidy_haid.run("--resume", "--dry-run", *options, "1", "2", "3", "4").out.count("echo") == 2
    assert tidy_haid.run("--dry-run", *options, "5").status == 0
    assert path.read_bytes() == before
    assert tidy_haid.run("--resume", *options, "1", "2", "3", "4").status == 0
    assert ran(tidy_haid) == ["4"]
    (tidy_haid.folder / "mended").touch()
    assert tidy_haid.run("--resume-failed", *options, "1", "2", "3", "4").status == 0
    assert ran(tidy_haid) == ["2"]
    assert path.read_bytes().startswith(before)
    rows = whole_table(path)
    assert [(row["Seq"], row["Exitval"]) for row in rows] == [("1", "0"), ("2", "1"), ("3", "0"), ("4", "0"), ("2", "0")]
    assert [row["Stdout"] for row in rows] == [f'a "quoted",\tfield\nin lines\\\n{n}\n' for n in "12342"]
    assert tidy_haid.run("--resume-failed", *options, "1", "2", "3", "4").status == 0
    assert ran(tidy_haid) == []


@pytest.mark.parametrize("name", TABLES)
def test_a_row_that_was_cut_does_not_count_and_is_mended(tidy_haid, name):
    options = ["-j1", "--results", name, ODD.replace("2", "9"), ":::", "1", "2", "3"]
    tidy_haid.run(*options)
    ran(tidy_haid)
    path = tidy_haid.folder / name
    whole = path.read_bytes()
    second = len(whole) - len(whole.splitlines(keepends=True)[-1])
    for cut in [*range(second, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:cut])
        assert tidy_haid.run("--resume", *options).status == 0
        assert ran(tidy_haid) == ["3"]
        assert [row["Seq"] for row in whole_table(path)] == ["1", "2", "3"]


def test_a_table_that_is_none_is_an_error_and_stays_as_it_is(tidy_haid):
    for name in TABLES:
        path = tidy_haid.file(name, "some,other\nfile,of\nmine,\n")
        result = tidy_haid.run("--resume", "--results", name, NOTE, ":::", "1")
        assert result.status == 255
        assert name in result.err and "row 1" in result.err
        assert path.read_text() == "some,other\nfile,of\nmine,\n"
    assert ran(tidy_haid) == []


def test_a_table_compares_commands_before_it_skips(tidy_haid):
    tidy_haid.run("--results", "t.csv", NOTE, ":::", "1", "2")
    ran(tidy_haid)
    result = tidy_haid.run("--resume", "--results", "t.csv", NOTE, ":::", "1", "other")
    assert ran(tidy_haid) == ["other"]
    assert "the table has another command for job 2" in result.err


def test_retry_failed_adds_to_the_table(tidy_haid):
    options = ["--joblog", "log", "--results", "t.csv"]
    tidy_haid.run("-j1", *options, "[ -e mended ] || [ {} != 2 ]", ":::", "1", "2")
    (tidy_haid.folder / "mended").touch()
    assert tidy_haid.run("--retry-failed", *options).status == 0
    rows = whole_table(tidy_haid.folder / "t.csv")
    assert [(row["Seq"], row["Exitval"], row["Stderr"]) for row in rows] == [("1", "0", ""), ("2", "1", ""), ("2", "0", "")]


def test_a_full_disk_leaves_whole_rows(tidy_haid):
    job = "head -c {} /dev/zero | tr '\\\\0' x"
    limited = ["/bin/bash", "-c", 'trap "" XFSZ; ulimit -f 40; exec "$@"', "bash"]
    result = tidy_haid.run("-j1", "--results", "t.csv", job, ":::", "10000", "100000", before=limited)
    assert result.status == 255 and "t.csv" in result.err
    assert [row["Seq"] for row in whole_table(tidy_haid.folder / "t.csv")] == ["1"]


def test_a_table_on_standard_output_is_nothing_to_go_on_from(tidy_haid):
    result = tidy_haid.run("--resume", "--results", "-.csv", NOTE, ":::", "1")
    assert result.status == 255 and "--joblog" in result.err
    assert ran(tidy_haid) == []
