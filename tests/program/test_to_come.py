"""What GNU parallel has and haid does not have yet is refused, and not half done."""

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        ["echo {= $_++; `touch ran` =}"],
        ["echo", "{=", "`touch ran`", "=}"],
        ["-q", "echo", "{= `touch ran` =}"],
        ["--tagstring", "{= `touch ran` =}", "echo"],
        ["--workdir", "{= `touch ran` =}", "echo"],
        ["--results", "{= `touch ran` =}", "echo"],
        ["run", "fit.sh", "--", "{= `touch ran` =}"],
    ],
)
def test_perl_in_a_replacement_string_reaches_no_shell(tidy_haid, arguments):
    tidy_haid.file("fit.sh", "touch ran\n")
    result = tidy_haid.run(*arguments, ":::", "1")
    assert (result.status, result.out) == (255, "")
    assert "touch ran" in result.err and "does not have it yet" in result.err
    assert not (tidy_haid.folder / "ran").exists()


def test_braces_and_equals_signs_are_no_perl_by_themselves(tidy_haid):
    for word in ("=} {=", "{=}", "{=", "{ = }"):
        result = tidy_haid.run("-k", f"echo '{word}' {{}}", ":::", "{= 1 =}", "b")
        assert (result.status, result.lines) == (0, [f"{word} {{= 1 =}}", f"{word} b"])


def test_commands_that_are_inputs_hold_what_they_hold(tidy_haid):
    assert tidy_haid.run(":::", "echo '{= 1 =}'").out == "{= 1 =}\n"


@pytest.mark.parametrize("arguments", [["-j2", "touch", "ran"], ["--fg", "touch", "ran"], ["--wait"], []])
def test_called_sem_it_does_not_end_as_if_it_had_run(haid, arguments):
    link = haid.folder / "sem"
    link.symlink_to(haid.path)
    result = haid.run_command([str(link), *arguments], input=b"")
    assert (result.status, result.out) == (255, "")
    assert result.err.startswith("sem: error: ") and "semaphore" in result.err
    assert not (haid.folder / "ran").exists()
