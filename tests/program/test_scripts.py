"""haid run: scripts in the interpreters that they need."""

import json

import pytest

from support import log_entries

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


# -- scripts are no inputs


@pytest.fixture
def two(tidy_haid):
    """Two scripts that print their arguments."""
    for name in ("one", "two"):
        tidy_haid.file(f"{name}.py", f"import sys\nprint({name!r}, *map(repr, sys.argv[1:]))\n")
    tidy_haid.file("rows.csv", "n,name\n1,a b\n2,c\n")
    tidy_haid.file("one line", "1\n2\n3\n")
    return tidy_haid


def of_both(*lines):
    return [f"{name} {line}" if line else name for name in ("one", "two") for line in lines]


@pytest.mark.parametrize(
    ("options", "arguments", "lines"),
    [
        (["--header", ":", "--colsep", ","], ["--n={n}", "{2}", "::::", "rows.csv"], of_both("'--n=1' 'a b'", "'--n=2' 'c'")),
        (["--header", ":"], ["{n}", ":::", "n", "1", "2"], of_both("'1'", "'2'")),
        (["--skip-first-line"], ["{}", "::::", "one line"], of_both("'2'", "'3'")),
        (["--colsep", "[.n]"], ["{2}", ":::", "a.b", "cnd"], of_both("'b'", "'d'")),
        (["-n2"], ["{}", ":::", "a", "b", "c"], of_both("'a' 'b'", "'c'")),
        (["-N2"], ["{2}-{1}", ":::", "a", "b", "c"], of_both("'b-a'", "'-c'")),
        (["-n0"], ["x", ":::", "a", "b"], of_both("'x'", "'x'")),
        (["-L2"], ["{}", ":::", "a", "b", "c"], of_both("'a' 'b'", "'c'")),
        (["-j1", "-X"], ["-{}", ":::", "a", "b", "c"], of_both("'-a' '-b' '-c'")),
        (["-j1", "-m"], ["-{}", ":::", "a", "b", "c"], of_both("'-a' 'b' 'c'")),
        (["-E", "one.py"], ["{}", ":::", "a", "one.py", "c"], of_both("'a'")),
        (["-r"], ["{}", ":::", "a", "", "c"], of_both("'a'", "'c'")),
        (["--link"], ["{1}-{2}", ":::", "1", "2", ":::", "a", "b"], of_both("'1-a'", "'2-b'")),
        (["--link"], ["{}", ":::", "1", "2"], of_both("'1'", "'2'")),
        ([], ["{1}-{2}", ":::", "1", "2", ":::+", "a", "b"], of_both("'1-a'", "'2-b'")),
        (["-a", "one line"], ["{}"], of_both("'1'", "'2'", "'3'")),
        ([], ["{#}", "{script/.}", ":::", "a", "b"], [f"{s} '{n}' '{s}'" for n, s in enumerate(("one", "one", "two", "two"), 1)]),
        ([], ["{}", ":::"], []),
        ([], ["{}", "::::", "/dev/null"], []),
    ],
    ids=lambda value: " ".join(value),
)
def test_each_script_runs_with_the_arguments_that_the_inputs_make(two, options, arguments, lines):
    result = two.run("run", "-k", *options, "one.py", "two.py", "--", *arguments)
    assert (result.status, result.err, result.lines) == (0, "", lines)


@pytest.mark.parametrize(
    "options",
    [[], ["--header", ":"], ["--skip-first-line"], ["--colsep", "[.]"], ["-n2"], ["-N2"], ["-n0"], ["-L2"], ["-X"], ["-m"], ["-s", "60"],
     ["-E", "one.py"], ["-r"], ["--link"], ["--trim", "lr"], ["--shuf"], ["--bar"], ["--halt", "now,fail=50%"], ["-0"], ["-d", "."]],
    ids=" ".join,
)
def test_without_inputs_each_script_runs_once_whatever_is_said_of_inputs(two, options):
    result = two.run("run", "-k", *options, "one.py", "two.py", "--", "-x", "")
    assert (result.status, result.lines) == (0, of_both("'-x' ''"))
    assert two.run("run", "-k", *options, "one.py").lines == ["one"]


def test_scripts_whose_names_look_like_records_keep_them(tidy_haid):
    names = ["a,b.py", " blank .py", "c.py"]
    for name in names:
        tidy_haid.file(name, f"print({name!r})\n")
    result = tidy_haid.run("run", "-k", "--colsep", ",", "--trim", "lr", "-E", "c.py", "-r", "-d", ",", *names)
    assert (result.status, result.lines, result.err) == (0, names, "")


@pytest.mark.parametrize("word", ["{}", "--in={.}", "{1}", "{-1/}"])
def test_a_place_for_an_input_without_inputs_is_an_error(noting, word):
    check_nothing_ran(noting, noting.run("run", "note.sh", "--", word), f"'{word}'", "give them after :::", ":::: -")


def test_a_place_that_is_meant_as_it_stands_is_passed(two):
    assert two.run("run", "-I", "@", "one.py", "--", "{}", "{#}").lines == ["one '{}' '1'"]


def test_all_inputs_go_to_the_next_script_again_and_in_little_memory(two):
    two.file("count.sh", 'echo "$#"\n')
    inputs = "".join(f"{n:0100d}\n" for n in range(60000))  # more than is kept in memory
    two.file("inputs", inputs)
    two.file("sum.py", "import sys\nprint(sum(map(int, sys.argv[1:])))\n")
    for options in ([], ["--bar"]):
        result = two.run("run", "-k", "-n500", *options, "count.sh", "sum.py", "--", "{}", "::::", "inputs")
        assert result.status == 0
        assert result.lines[:120] == ["500"] * 120
        assert sum(map(int, result.lines[120:])) == sum(range(60000)) and len(result.lines) == 240


def test_where_a_line_must_not_be_long_all_scripts_get_what_the_longest_can_take(two):
    two.file("a long name of a folder/show.py", "import sys\nprint(*sys.argv[1:])\n")
    two.file("show.py", "import sys\nprint(*sys.argv[1:])\n")
    words = ["show.py", "a long name of a folder/show.py", "--", "{}", ":::", *map(str, range(10, 40))]
    result = two.run("run", "-k", "-j1", "-X", "-s", "70", *words)
    assert result.status == 0
    named = two.run("run", "-k", "-j1", "-X", "-s", "90", *words[:2], "--", "{script}{}", *words[4:])
    assert (named.status, named.err) == (0, "") and len(named.lines) > 2
    half = len(result.lines) // 2
    assert result.lines[:half] == result.lines[half:]
    assert " ".join(result.lines[:half]).split() == [str(n) for n in range(10, 40)]
    assert half > 1


def test_shuffled_inputs_go_to_all_scripts(two):
    result = two.run("run", "-k", "--shuf", "one.py", "two.py", "--", "{}", ":::", *map(str, range(50)))
    first, second = result.lines[:50], result.lines[50:]
    assert sorted(first) == sorted(f"one '{n}'" for n in range(50))
    assert [line.replace("two", "one") for line in second] == first


def test_a_line_that_is_too_long_for_a_later_script_names_the_input(two):
    two.file("a long name of a folder/show.py", "")
    two.file("inputs", "a\n" + "b" * 40 + "\nc\n")
    words = ["-k", "-s", "60", "one.py", "a long name of a folder/show.py", "::::", "inputs"]
    result = two.run("run", *words)
    assert result.status == 255
    assert "input 2: the command line would be " in result.err


def test_a_log_has_a_number_for_each_script_with_each_input_and_resume_goes_on_from_it(two):
    two.file("fails.sh", 'echo fails "$1"; exit "$1"\n')
    words = ["run", "-k", "--joblog", "log", "one.py", "fails.sh", "--", "{}", ":::", "0", "1"]
    assert two.run(*words).status == 1
    logged = sorted(((int(e["Seq"]), e["Command"]) for e in log_entries(two.folder / "log")))
    assert logged == [(1, "python3 one.py 0"), (2, "python3 one.py 1"), (3, "bash fails.sh 0"), (4, "bash fails.sh 1")]
    assert two.run("run", "--resume", *words[1:]).out == ""
    assert two.run("run", "--resume-failed", *words[1:]).lines == ["fails 1"]
    # The log knows what failed: inputs are not needed.
    assert two.run("run", "--retry-failed", "--joblog", "log", "one.py", "--", "{}").lines == ["fails 1"]


def test_tags_name_the_script_and_its_input(two):
    assert two.run("run", "-k", "--tag", "one.py", "two.py", ":::", "a").lines == ["one.py a\tone 'a'", "two.py a\ttwo 'a'"]
    assert two.run("run", "-k", "--tag", "one.py", "two.py").lines == ["one.py\tone", "two.py\ttwo"]
    tagged = two.run("run", "-k", "--tagstring", "{script/.}-{}", "one.py", "two.py", ":::", "a")
    assert tagged.lines == ["one-a\tone 'a'", "two-a\ttwo 'a'"]


def test_results_are_kept_for_each_script(two):
    assert two.run("run", "--results", "r", "./one.py", "two.py", ":::", "a").status == 0
    assert (two.folder / "r/.\\_one.py/1/a/stdout").read_text() == "one 'a'\n"
    assert (two.folder / "r/two.py/1/a/stdout").read_text() == "two 'a'\n"
    assert two.run("run", "--results", "once", "one.py", "two.py").status == 0
    assert (two.folder / "once/two.py/stdout").read_text() == "two\n"
    assert two.run("run", "--resume", "--results", "once", "one.py", "two.py").out == ""
    assert two.run("run", "--results", "out/{script/.}-{}", "one.py", "two.py", ":::", "a").status == 0
    assert (two.folder / "out/two-a").read_text() == "two 'a'\n"


def test_results_that_scripts_would_share_are_an_error(noting):
    noting.file("other.sh", "touch ran\n")
    result = noting.run("run", "--results", "out/{}", "note.sh", "other.sh", ":::", "a")
    check_nothing_ran(noting, result, "all scripts would write the same files", "{script}")
    result = noting.run("run", "--results", "out/{name}", "--header", ":", "note.sh", "other.sh", ":::", "name", "a")
    check_nothing_ran(noting, result, "all scripts would write the same files", "{script}")


def test_a_table_of_results_has_a_column_for_the_script(two):
    assert two.run("run", "-k", "--results", "t.csv", "one.py", "two.py", ":::", "a").status == 0
    rows = (two.folder / "t.csv").read_text().splitlines()
    assert rows[0].split(",")[8:] == ["Command", "Script", "V1", "Stdout", "Stderr"]
    assert [row.split(",")[9:11] for row in rows[1:] if row.count(",") > 9] == [["one.py", "a"], ["two.py", "a"]]
    assert two.run("run", "-k", "--results", "t.json", "one.py").status == 0
    row = json.loads((two.folder / "t.json").read_text())
    assert (row["Script"], row["V"], row["Stdout"]) == ("one.py", [], "one\n")


# -- lines that are submitted


@pytest.fixture
def submitting(noting):
    noting.file("sub/fit.jl", "text\n")
    noting.file("sub/say.py", "text\n")
    noting.file("prologue", "module() { :; }\n")
    return noting


def test_a_prologue_that_may_bring_an_interpreter_hides_nothing_else_of_the_line(submitting):
    words = ["--show", "--prologue", "prologue", "--", "run", "--interpreter", ".jl=no_such_interpreter", "--joblog", "log"]
    result = submitting.run("submit", *words, "--until-done", "sub/fit.jl", "::::", "-", input="1\n2\n")
    assert result.status == 0
    assert "#SBATCH --requeue" in result.lines
    assert "stores nothing" in result.err and " < " in result.out
    result = submitting.run("submit", *words, "sub/fit.jl", "::::", "missing")
    assert result.status == 255 and "'missing'" in result.err


def test_scripts_in_a_folder_that_only_the_nodes_have_are_not_looked_for(submitting):
    output = f"--output={submitting.folder}/out"
    result = submitting.run("submit", "--show", output, "--chdir=/no/such/folder", "--", "run", "fit.py")
    assert result.status == 0
    assert "not on this machine" in result.err
    assert result.lines[-1].endswith(" run fit.py")
    result = submitting.run("submit", "--show", output, "--", "run", "fit.py")
    check_nothing_ran(submitting, result, "'fit.py'", "No such file")


def test_a_folder_for_the_job_may_be_named_from_here(submitting):
    result = submitting.run("submit", "--show", "--chdir", "sub", "--", "run", "say.py")
    assert (result.status, result.err) == (0, "")
    assert result.lines[-1].endswith(" run say.py")


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
