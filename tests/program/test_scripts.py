"""haid run: scripts in the interpreters that they need."""

import pytest

PRINTS = {
    "say.py": "import sys\nprint('python', *sys.argv[1:])\n",
    "say.R": "cat('R', commandArgs(trailingOnly = TRUE), '\\n')\n",
    "say.sh": '[[ -n $BASH_VERSION ]] && echo bash "$@"\n',
    "say.pl": 'print join(" ", "perl", @ARGV), "\\n";\n',
}


@pytest.fixture
def scripts(tidy_haid):
    for name, text in PRINTS.items():
        tidy_haid.file(name, text)
    return tidy_haid


def test_each_script_runs_in_its_interpreter(scripts):
    result = scripts.run("run", "-k", *PRINTS)
    assert (result.status, result.err) == (0, "")
    assert [line.strip() for line in result.lines] == ["python", "R", "bash", "perl"]


def test_arguments_after_two_dashes_are_passed_to_each(scripts):
    result = scripts.run("run", "-k", *PRINTS, "--", "-x", "--jobs", "3")
    assert (result.status, result.err) == (0, "")
    assert [line.strip() for line in result.lines] == [f"{name} -x --jobs 3" for name in ("python", "R", "bash", "perl")]


def test_arguments_arrive_as_they_are(tidy_haid):
    tidy_haid.file("show.py", "import sys\nprint(sys.argv[1:])\n")
    arguments = ["two words", "", "'\"$HOME*`", "line\nend", "~", "a;b|c"]
    result = tidy_haid.run("run", "show.py", "--", *arguments)
    assert result.out == f"{arguments}\n"


def test_values_after_three_colons_make_a_product_with_the_scripts(scripts):
    result = scripts.run("run", "-k", "say.py", "say.sh", "--", "-n", ":::", "1", "2")
    assert result.lines == ["python -n 1", "python -n 2", "bash -n 1", "bash -n 2"]


def test_values_without_two_dashes_make_a_product_too(scripts):
    result = scripts.run("run", "-k", "say.py", "say.sh", ":::", "1", "2")
    assert result.lines == ["python 1", "python 2", "bash 1", "bash 2"]


def test_two_sources_of_values_make_a_product(scripts):
    scripts.file("letters", "a\nb\n")
    result = scripts.run("run", "-k", "say.py", "--", "{2}-{1}", ":::", "1", "2", "::::", "letters")
    assert result.lines == ["python a-1", "python b-1", "python a-2", "python b-2"]


def test_replacement_strings_in_arguments_stand_for_the_values_that_follow(scripts):
    result = scripts.run("run", "-k", "say.py", "--", "--in={}", "--out={/.}.txt", "{#}", ":::", "d/x.csv", "d/y y.csv")
    assert result.lines == ["python --in=d/x.csv --out=x.txt 1", "python --in=d/y y.csv --out=y y.txt 2"]


def test_a_script_with_a_first_line_for_the_kernel_runs_whether_executable_or_not(tidy_haid):
    tidy_haid.file("executable", "#!/usr/bin/perl\nprint qq(perl $0\\n);\n", mode=0o755)
    tidy_haid.file("plain", "#!/usr/bin/env bash\necho shell $1\n", mode=0o644)
    result = tidy_haid.run("run", "-k", "executable", "./plain", "--", "x")
    assert (result.status, result.err) == (0, "")
    assert result.lines[0].startswith("perl ") and result.lines[0].endswith("executable")
    assert result.lines[1] == "shell x"


def test_an_executable_script_says_itself_what_runs_it_whatever_its_extension(tidy_haid):
    tidy_haid.file("strict.sh", "#!/bin/bash -e\nfalse\necho went on\n", mode=0o755)
    tidy_haid.file("env/bin/python", '#!/bin/sh\necho of the environment: "$@"\n', mode=0o755)
    tidy_haid.file("fit.py", f"#!{tidy_haid.folder}/env/bin/python\nprint('of the system')\n", mode=0o755)
    tidy_haid.file("other.py", "#!/usr/bin/env -S LANG=C perl -w\nprint qq(perl @ARGV\\n);\n", mode=0o755)
    result = tidy_haid.run("run", "-k", "strict.sh", "fit.py", "other.py", "--", "x")
    assert result.lines == ["of the environment: ./fit.py x", "perl x"]
    assert "exit 1" in result.err and "strict.sh" in result.err


def test_a_script_that_is_not_executable_is_run_by_its_extension_whatever_its_first_line_says(tidy_haid):
    tidy_haid.file("say.py", "#!/bin/false\nprint('python')\n", mode=0o644)
    assert tidy_haid.run("run", "say.py").out == "python\n"


def test_an_executable_script_without_a_first_line_for_the_kernel_is_run_by_its_extension(tidy_haid):
    tidy_haid.file("say.py", "print('python')\n", mode=0o755)
    # The kernel would look for an interpreter whose name ends in a carriage return.
    tidy_haid.file("dos.py", "#!/usr/bin/env python3\r\nprint('dos')\r\n", mode=0o755)
    tidy_haid.file("dos", "#!/usr/bin/env python3\r\nprint('plain dos')\r\n", mode=0o755)
    result = tidy_haid.run("run", "-k", "say.py", "dos.py", "dos")
    assert (result.status, result.lines, result.err) == (0, ["python", "dos", "plain dos"], "")


def test_an_executable_program_runs(tidy_haid):
    tidy_haid.file("program", open("/bin/echo", "rb").read(), mode=0o755)
    assert tidy_haid.run("run", "program", "--", "a", "b").out == "a b\n"


@pytest.mark.parametrize("name", ["a script.py", "it's.py", "$x.py", "-dash.py", "new\nline.py", "{}.py", "\udcff.py", "UPPER.PY"])
def test_scripts_may_have_any_name(tidy_haid, name):
    tidy_haid.file(name, "import sys\nprint('ran', sys.argv[1])\n")
    given = "./" + name if name.startswith("-") else name
    result = tidy_haid.run("run", given, "--", "x")
    assert (result.status, result.out, result.err) == (0, "ran x\n", "")


def test_a_script_below_a_folder_runs_in_the_folder_of_the_run(tidy_haid):
    tidy_haid.file("below/where.sh", "pwd\n")
    assert tidy_haid.run("run", "below/where.sh").out == f"{tidy_haid.folder.resolve()}\n"


@pytest.mark.parametrize("decoy", ["with a decoy", "without"])
def test_scripts_and_interpreters_are_those_found_here_wherever_the_jobs_run(tidy_haid, decoy):
    tidy_haid.file("fit.py", "import os\nprint('fit', os.path.basename(os.getcwd()))\n")
    tidy_haid.file("below/run", "#!/bin/sh\necho run $(basename $PWD)\n", mode=0o755)
    tidy_haid.file("-dash.py", "print('dash')\n")
    tidy_haid.file("text.xyz", "text\n")
    tidy_haid.file("bin/show", '#!/bin/sh\necho show $(cat "$1")\n', mode=0o755)
    if decoy == "with a decoy":
        tidy_haid.file("work/fit.py", "print('another')\n")
        tidy_haid.file("work/below/run", "#!/bin/sh\necho another\n", mode=0o755)
        tidy_haid.file("work/bin/show", "#!/bin/sh\necho another\n", mode=0o755)
    words = ["fit.py", "below/run", "./-dash.py", "text.xyz"]
    result = tidy_haid.run("run", "-k", "--workdir", "work", "--interpreter", ".xyz=bin/show", *words)
    assert (result.status, result.err) == (0, "")
    assert result.lines == ["fit work", "run work", "dash", "show text"]
    # In this folder names stay as they are: logs of earlier runs know them.
    assert tidy_haid.run("run", "--dry-run", "fit.py").out == "python3 fit.py\n"


def test_the_exit_status_of_scripts_counts(tidy_haid):
    tidy_haid.file("bad.py", "raise SystemExit(3)\n")
    tidy_haid.file("good.sh", "exit 0\n")
    result = tidy_haid.run("run", "--joblog", "log", "bad.py", "good.sh")
    assert result.status == 1
    assert "1 of 2 jobs failed" in result.err
    assert "exit 3" in result.err


# -- what cannot be run is said before anything runs


def check_nothing_ran(haid, result, *texts):
    assert result.status == 255
    assert not (haid.folder / "ran").exists()
    for text in texts:
        assert text in result.err


@pytest.fixture
def noting(tidy_haid):
    tidy_haid.file("note.sh", "touch ran\n")
    return tidy_haid


def test_an_unknown_extension_is_an_error(noting):
    noting.file("odd.xyz", "text\n")
    check_nothing_ran(noting, noting.run("run", "note.sh", "odd.xyz"), "'odd.xyz'", "--interpreter .xyz=")


def test_a_missing_script_is_an_error(noting):
    check_nothing_ran(noting, noting.run("run", "note.sh", "missing.py"), "'missing.py'", "No such file")


def test_a_folder_is_an_error(noting):
    (noting.folder / "folder.py").mkdir()
    check_nothing_ran(noting, noting.run("run", "note.sh", "folder.py"), "'folder.py'")


def test_an_interpreter_that_is_not_installed_is_an_error(noting):
    noting.file("odd.xyz", "text\n")
    result = noting.run("run", "--interpreter", ".xyz=no_such_interpreter -q", "note.sh", "odd.xyz")
    check_nothing_ran(noting, result, "'odd.xyz' needs no_such_interpreter", "not installed")


@pytest.mark.parametrize("line", ["#!/no/such/interpreter", "#!/usr/bin/env no_such_interpreter", "#!/usr/bin/env -S A=b no_such_interpreter -q"])
def test_an_interpreter_that_an_executable_script_names_and_that_is_not_installed_is_an_error(noting, line):
    noting.file("odd.py", line + "\n", mode=0o755)
    check_nothing_ran(noting, noting.run("run", "note.sh", "odd.py"), "'odd.py' needs ", "such", "not installed")


@pytest.mark.parametrize("path", ["/usr/bin:/bin:", ":/usr/bin:/bin", "/usr/bin:.:/bin", "bin:/usr/bin:/bin"])
def test_an_interpreter_is_found_though_path_names_a_folder_that_is_relative(tidy_haid, path):
    tidy_haid.file("say.py", "print('python')\n")
    result = tidy_haid.run("run", "say.py", environment={"PATH": path})
    assert (result.status, result.out, result.err) == (0, "python\n", "")


@pytest.mark.parametrize("option", ["-j2", "--keep-order", "-"])
def test_an_option_after_a_script_is_an_error_that_says_where_options_and_arguments_go(noting, option):
    result = noting.run("run", "note.sh", option)
    check_nothing_ran(noting, result, f"'{option}' comes after a script", f"haid run {option} … note.sh", f"haid run note.sh -- {option}")


def test_a_script_that_is_there_is_one_even_where_it_looks_like_an_option(tidy_haid):
    tidy_haid.file("first.py", "print('first')\n")
    tidy_haid.file("-j2", "#!/bin/sh\necho second\n", mode=0o755)
    assert tidy_haid.run("run", "-k", "first.py", "-j2").lines == ["first", "second"]


@pytest.mark.parametrize("separator", [":::", ":::+", "::::", "::::+"])
def test_inputs_before_the_arguments_are_an_error_that_says_where_they_go(noting, separator):
    inputs = ["::::", "note.sh"] if separator.endswith("+") else []
    result = noting.run("run", "note.sh", *inputs, separator, "note.sh", "--", "{}")
    check_nothing_ran(noting, result, "come last: haid run scripts … -- arguments … ::: values …")


def test_no_scripts_at_all_is_an_error(noting):
    check_nothing_ran(noting, noting.run("run"), "which scripts?")


# -- the user's table


def test_an_interpreter_can_be_named_on_the_command_line(tidy_haid):
    tidy_haid.file("text.xyz", "one\ntwo\n")
    assert tidy_haid.run("run", "--interpreter", ".xyz=head -n 1", "text.xyz").out == "one\n"


def test_the_command_line_comes_before_what_an_executable_script_says_itself(tidy_haid):
    tidy_haid.file("text.sh", "#!/bin/sh\necho ran\n", mode=0o755)
    assert tidy_haid.run("run", "--interpreter", ".SH=head -n 1", "text.sh").out == "#!/bin/sh\n"


@pytest.mark.parametrize("place", ["variable", "config", "home"])
def test_the_users_table_adds_to_the_known_interpreters_and_replaces_them(scripts, place):
    table = "# a comment\n\n.xyz  head -n 1   # first line\n.sh cat\n"
    paths = {"variable": "table", "config": "config/haid/interpreters", "home": "home/.config/haid/interpreters"}
    path = scripts.file(paths[place], table)
    variables = {"variable": {"HAID_INTERPRETERS": str(path)}, "config": {"XDG_CONFIG_HOME": str(scripts.folder / "config")}, "home": {}}
    scripts.file("text.xyz", "one\ntwo\n")
    result = scripts.run("run", "-k", "text.xyz", "say.sh", "say.py", environment=variables[place])
    assert (result.status, result.err) == (0, "")
    assert result.lines == ["one", PRINTS["say.sh"].rstrip("\n"), "python"]


def test_a_broken_table_is_an_error_that_names_it(noting):
    path = noting.file("table", "python python3\n")
    result = noting.run("run", "note.sh", environment={"HAID_INTERPRETERS": str(path)})
    check_nothing_ran(noting, result, "python python3", str(path))


def test_a_table_that_was_named_and_is_missing_is_an_error(noting):
    result = noting.run("run", "note.sh", environment={"HAID_INTERPRETERS": "/no/such/table"})
    check_nothing_ran(noting, result, "/no/such/table")


# -- verbs and commands


@pytest.mark.parametrize("verb", ["run", "resources"])
def test_after_two_dashes_a_verb_is_a_command(tidy_haid, verb):
    tidy_haid.file(f"bin/{verb}", "#!/bin/sh\necho program $0 $1\n", mode=0o755)
    path = f"{tidy_haid.folder}/bin:/usr/bin:/bin"
    result = tidy_haid.run("--", verb, ":::", "x", environment={"PATH": path})
    assert (result.status, result.out) == (0, f"program {tidy_haid.folder}/bin/{verb} x\n")


def test_after_options_a_verb_is_a_command(tidy_haid):
    assert tidy_haid.run("--dry-run", "run", ":::", "x").out == "run x\n"
