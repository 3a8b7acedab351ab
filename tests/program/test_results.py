"""--results FOLDER and templates of paths: each job's output lies in files of its own, below the folder."""

import pytest

from support import whole_lines

ODD = ["..", ".", "", "a", "a", "a", "a/b", "a\\2", "\\", "\\.", "\\empty", "\\0noarg", "x" * 256, "x" * 255 + "y", "../../up", "-", "é" * 200]


def kept(folder, name="stdout"):
    """What the files of that name hold: {path: text}."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob(name) if path.is_file()}


def names_in(folder):
    return {path.name for path in folder.iterdir()} - {"home", "tmp", "bin"}


def test_each_input_has_results_of_its_own_below_the_folder(tidy_haid):
    command = ["--results", "top/r", "echo {#}; echo {#} >> ran", ":::"]
    result = tidy_haid.run("-j3", *command, *ODD)
    assert result.status == 0
    outputs = kept(tidy_haid.folder / "top/r")
    assert sorted(map(int, outputs.values())) == list(range(1, len(ODD) + 1))
    assert {path: outputs[path] for path in ("1/a/stdout", "1/a\\2/stdout", "1/a\\3/stdout")} == {
        "1/a/stdout": "4\n",
        "1/a\\2/stdout": "5\n",
        "1/a\\3/stdout": "6\n",
    }
    assert {f"1/{name}/stdout" for name in ("\\.", "\\..", "\\empty", "a\\_b", "a\\\\2", "\\\\", "-")} <= outputs.keys()
    assert names_in(tidy_haid.folder) == {"top", "ran"} and names_in(tidy_haid.folder / "top") == {"r"}
    assert len(result.err.splitlines()) == 1, "the second job with the same input is told, and no other"
    assert "job 5" in result.err and "'top/r/1/a\\2/stdout'" in result.err

    (tidy_haid.folder / "ran").unlink()
    assert tidy_haid.run("--resume", *command, *ODD).status == 0
    assert not (tidy_haid.folder / "ran").exists(), "every run has the same names"
    assert tidy_haid.run("--resume", *command, "a", *ODD, "new").status == 0
    assert sorted(whole_lines(tidy_haid.folder / "ran")) == ["19", "7"], "of four times the same, one is new"
    assert set(kept(tidy_haid.folder / "top/r")) - set(outputs) == {"1/a\\4/stdout", "1/new/stdout"}


def test_columns_and_their_names_do_not_leave_the_folder(tidy_haid):
    result = tidy_haid.run("--header", ":", "--results", "r", "echo {#}", ":::", "..", "1", "2", ":::", "a/../..", "", "..")
    assert (result.status, result.err) == (0, "")
    assert names_in(tidy_haid.folder) == {"r"}
    assert sorted(kept(tidy_haid.folder / "r").values()) == ["1\n", "2\n", "3\n", "4\n"]


@pytest.mark.parametrize("more", [["-n0"], []])
def test_jobs_without_values_have_results_each(tidy_haid, more):
    result = tidy_haid.run(*more, "--results", "r", "echo $PARALLEL_SEQ #", ":::", *(["same"] * 3))
    assert result.status == 0
    name = "\\0noarg" if more else "same"
    assert kept(tidy_haid.folder / "r") == {f"1/{name}/stdout": "1\n", f"1/{name}\\2/stdout": "2\n", f"1/{name}\\3/stdout": "3\n"}


PATHS = ["..", "x/../../up", "x/../y/../../..", ".", "", "a", "./a", "a.err", "a.seq.status", "/abs", "b/c", "b//c", "d/e", "a\\2"]


@pytest.mark.parametrize("where", ["r/{}", "r/{}/", "top/r/x-{}-{#}.txt", "r/{1}{2}", "r/{%}", "r/{%}/"])
def test_a_template_has_a_place_for_each_job_below_the_folder_that_it_begins_with(tidy_haid, where):
    result = tidy_haid.run("-j3", "--results", where, "echo {#}; echo e{#} >&2", ":::", *PATHS)
    assert result.status == 0
    assert names_in(tidy_haid.folder) == {where.split("/")[0]}
    if where.startswith("top"):
        assert names_in(tidy_haid.folder / "top") == {"r"}
    texts = list(kept(tidy_haid.folder / where.split("/")[0], "*").values())
    for number in range(1, len(PATHS) + 1):
        assert (texts.count(f"{number}\n"), texts.count(f"e{number}\n")) == (1, 1), number


def test_a_template_that_begins_with_no_folder_goes_where_its_values_say(tidy_haid):
    tidy_haid.file("in/x.txt", "")
    tidy_haid.file("work/here", "")
    assert tidy_haid.run("--results", "{.}.out", "echo {/}", ":::", "../in/x.txt", cwd=tidy_haid.folder / "work").status == 0
    assert (tidy_haid.folder / "in/x.out").read_text() == "x.txt\n"


@pytest.mark.parametrize("where, path", [("r", "r/1/{}/stdout"), ("r/{}.txt", "r/{}.txt"), ("r/{}/", "r/{}/stdout"), ("r/{#}", "r/{#}")])
def test_retry_failed_keeps_what_each_command_of_the_log_writes(tidy_haid, where, path):
    job = "echo {}; [ -e mended ] || exit {}"
    assert tidy_haid.run("-j1", "--joblog", "log", job, ":::", "0", "1", "2", "2").status == 3
    (tidy_haid.folder / "mended").touch()
    result = tidy_haid.run("-j2", "--retry-failed", "--joblog", "log", "--results", where)
    assert result.status == 0
    for sequence, number, suffix in ((2, 1, ""), (3, 2, ""), (4, 2, "\\2")):
        name = path.replace("{}", job.replace("{}", str(number))).replace("{#}", str(sequence))
        if "{#}" not in where:
            name = name.replace("/stdout", f"{suffix}/stdout") if name.endswith("/stdout") else name + suffix
        assert (tidy_haid.folder / name).read_text() == f"{number}\n"


def test_retry_failed_has_the_command_for_a_value(tidy_haid):
    tidy_haid.run("-j1", "--joblog", "log", "pwd; exit {}", ":::", "0", "1", "2")
    result = tidy_haid.run("-j1", "--retry-failed", "--joblog", "log", "--tagstring", "{}:", "--workdir", "in{#}")
    folder = tidy_haid.folder.resolve()
    assert result.lines == [f"pwd; exit {n}:\t{folder}/in{n + 1}" for n in (1, 2)]
