"""Every option with values that are none, and options that are given in another place than the command line."""

import re

import pytest

from support import CHECKOUT

# Of each row: its letter, its names and what it takes.
ROW = re.compile(r"""^    \{\w+,\s+(?:'(.)'|0),\s+"([^"]*)",\s+Takes::(\w+)""", re.MULTILINE)
OPTIONS = [
    (letter, names.split("|")[0], takes)
    for file in ("option_table.cpp", "options_to_come.cpp")
    for letter, names, takes in ROW.findall((CHECKOUT / "cli" / file).read_text())
]
WITH_VALUE = [(f"--{name}" if name else f"-{letter}", takes) for letter, name, takes in OPTIONS if takes != "nothing"]
WITHOUT_VALUE = [f"--{name}" for _, name, takes in OPTIONS if takes == "nothing" and name]


def test_the_tables_have_been_read():
    rows = sum((CHECKOUT / "cli" / file).read_text().count(" Takes::") for file in ("option_table.cpp", "options_to_come.cpp"))
    assert len(OPTIONS) == rows > 150


# What comes of it in place of jobs: an answer, files for their output, or `:::` is a word like any other.
OTHER = {("--minversion", "0"): "20221122\n", ("--results", "0"): "", ("--arg-sep", "0"): ""}


@pytest.mark.parametrize("option", [option for option, _ in WITH_VALUE])
@pytest.mark.parametrize("value", ["", "0"])
def test_an_option_with_an_empty_value_or_zero_ends_right_or_says_what_is_wrong(tidy_haid, option, value):
    result = tidy_haid.run(option, value, "-k", "echo job{}.", ":::", "1", "2", input=b"", time_limit=120)
    if result.status == 255:
        assert option in result.err or f"'{value}': No such file" in result.err, result
        assert result.out == "", result
        return
    assert result.status == 0, result
    assert OTHER.get((option, value)) == result.out or result.out.count("job") >= 1, result


@pytest.mark.parametrize("separator", [":::", "::::", ":::+", "::::+"])
@pytest.mark.parametrize("option", [option for option, takes in WITH_VALUE if takes == "value"])
def test_a_separator_of_inputs_is_no_value(tidy_haid, option, separator):
    result = tidy_haid.run(option, separator, "echo", "a")
    assert (result.status, result.out) == (255, "")
    assert f"the option {option} needs a value, and '{separator}' begins the inputs" in result.err
    assert [path.name for path in tidy_haid.folder.iterdir() if path.name not in ("home", "tmp")] == []


@pytest.mark.parametrize("option", [option for option, takes in WITH_VALUE if takes != "value"])
def test_a_separator_behind_an_option_whose_value_may_be_left_out_begins_the_inputs(tidy_haid, option):
    assert tidy_haid.run("-k", option, ":::", "echo a", "echo b").lines == ["a", "b"]


def test_a_separator_that_is_meant_can_be_attached(tidy_haid):
    assert tidy_haid.run("-k", "--colsep=:::", "echo {2}", input=b"a:::b\n").lines == ["b"]
    assert tidy_haid.run("-k", "-C:::", "echo {2}", input=b"a:::b\n").lines == ["b"]


def test_what_is_no_separator_any_more_is_a_value(tidy_haid):
    assert tidy_haid.run("-k", "--arg-sep", ",,", "--colsep", ":::", "echo {2}", ",,", "a:::b").lines == ["b"]


@pytest.mark.parametrize("option", WITHOUT_VALUE)
def test_an_option_without_a_value_takes_none(tidy_haid, option):
    result = tidy_haid.run(f"{option}=1", "echo", ":::", "a")
    assert (result.status, result.out) == (255, "")
    assert f"the option {option} takes no value" in result.err


@pytest.mark.parametrize("option", [option for option, takes in WITH_VALUE if takes == "value"])
def test_an_option_whose_value_is_missing_is_named(tidy_haid, option):
    result = tidy_haid.run(option)
    assert (result.status, result.out) == (255, "")
    assert f"the option {option} needs a value" in result.err


def test_a_job_log_on_standard_output_makes_no_file_and_nothing_goes_on_from_it(tidy_haid):
    result = tidy_haid.run("-k", "-j2", "--joblog", "-", "sleep 0.$((3 - {})); echo out {}; exit {}", ":::", "0", "1")
    lines = [line.split("\t") for line in result.lines]
    assert result.status == 1
    assert [line[0] for line in lines] == ["Seq", "out 0", "1", "out 1", "2"]
    assert [line[6] for line in lines if len(line) == 9] == ["Exitval", "0", "1"]
    assert not (tidy_haid.folder / "-").exists()
    assert tidy_haid.run("--dry-run", "--joblog", "-", "echo", ":::", "a").lines == ["echo a"]
    for more in (["--resume"], ["--resume-failed"], ["--retry-failed"], ["--until-done"]):
        result = tidy_haid.run(*more, "--joblog", "-", "echo", ":::", "a")
        assert (result.status, result.out) == (255, "")
        assert "--joblog - is on standard output, and gone with the run: a later one needs a file" in result.err
    assert tidy_haid.run("--joblog", "./-", "echo", ":::", "a").status == 0
    assert (tidy_haid.folder / "-").exists()


@pytest.mark.parametrize("option", ["-n", "-N", "-L", "--retries", "-s", "--cpus-per-job"])
def test_half_of_something_that_is_counted_is_refused(tidy_haid, option):
    result = tidy_haid.run(option, "2.5", "echo", ":::", "a", "b", "c")
    assert (result.status, result.out) == (255, "")
    assert "'2.5' is not a whole number" in result.err


CONFIG = "home/.parallel/config"


def test_what_haid_does_not_have_is_left_out_of_a_configuration_and_told(tidy_haid):
    tidy_haid.file(CONFIG, "--tagstring T --sshloginfile hosts\n--memsuspend 1G\n-k\n")
    result = tidy_haid.run("echo", ":::", "a", "b")
    assert (result.status, result.lines) == (0, ["T\ta", "T\tb"])
    path = tidy_haid.folder / CONFIG
    why = "is an option of GNU parallel that haid does not have yet: it is left out"
    assert result.err == f"haid: {path}: --sshloginfile {why}\nhaid: {path}: --memsuspend {why}\n"


def test_called_parallel_what_it_does_not_have_is_an_error_that_names_the_file(as_parallel):
    as_parallel.file(CONFIG, "--pipe\n")
    result = as_parallel.run("echo", ":::", "a")
    assert (result.status, result.out) == (255, "")
    assert f"in {as_parallel.folder / CONFIG} (which --plain leaves aside): --pipe is an option" in result.err
    assert as_parallel.run("--plain", "echo", ":::", "a").out == "a\n"


@pytest.mark.parametrize("text", ["--no-such-option", "-j many", "--tagstring 'open", "word"])
def test_a_fault_in_a_configuration_names_the_file(tidy_haid, text):
    tidy_haid.file(CONFIG, text + "\n")
    result = tidy_haid.run("echo", ":::", "a")
    assert (result.status, result.out) == (255, "")
    assert f"in {tidy_haid.folder / CONFIG} (which --plain leaves aside): " in result.err
    assert tidy_haid.run("--plain", "echo", ":::", "a").out == "a\n"
    # "--plain" is an option, and no word of the command's.
    assert tidy_haid.run("echo", "--plain", ":::", "a").status == 255


def test_a_fault_in_the_variable_names_it(tidy_haid):
    result = tidy_haid.run("echo", ":::", "a", environment={"PARALLEL": "--no-such-option"})
    assert result.status == 255
    assert "in the variable PARALLEL (which --plain leaves aside): there is no option --no-such-option" in result.err


@pytest.mark.parametrize("question", ["--version", "--help", "--number-of-cores", "--max-line-length-allowed"])
def test_what_only_asks_has_its_answer_whatever_a_configuration_says(tidy_haid, question):
    tidy_haid.file(CONFIG, "--no-such-option\n--pipe\n")
    result = tidy_haid.run(question)
    assert (result.status, result.err) == (0, "")
    assert result.out


def test_what_stands_before_each_command_leaves_room_for_it_or_is_refused(tidy_haid):
    tidy_haid.file("setup", "Y=7\n" + "# long\n" * 18000)
    there = tidy_haid.run("echo", "$Y", ":::", "a", environment={"PARALLEL_ENV": "setup"})
    assert (there.status, there.lines) == (0, ["7 a"])
    # Lines that are filled up are shorter by it.
    filled = tidy_haid.run("-X", "-j1", "echo $Y", environment={"PARALLEL_ENV": "setup"}, input="word\n" * 20000)
    assert (filled.status, filled.out.count("word")) == (0, 20000)
    assert tidy_haid.run("echo", ":::", "x" * 30000, environment={"PARALLEL_ENV": "setup"}).status == 255
    tidy_haid.file("setup", "# long\n" * 20000)
    too_long = tidy_haid.run("echo", ":::", "a", environment={"PARALLEL_ENV": "setup"})
    assert too_long.status == 255 and "PARALLEL_ENV holds 140000 bytes" in too_long.err
