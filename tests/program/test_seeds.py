"""--seed: what jobs draw their random numbers from."""

import re
import shutil

import pytest

from support import CHECKOUT, log_entries

SHOW = "echo {#} $HAID_SEED"


def documented():
    """The formula that the documents give to those without haid."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (CHECKOUT / "docs/random.md").read_text(), re.MULTILINE | re.DOTALL)
    (formula,) = [block for block in blocks if "def haid_seed" in block]
    names = {}
    exec(formula, names)
    return names["haid_seed"]


def seeds(seed, numbers):
    return [f"{number} {documented()(seed, number)}" for number in numbers]


@pytest.mark.parametrize("seed", [0, 1, 2026, 2**32, 2**53 + 1, 2**64 - 1])
def test_the_seed_is_the_documented_one(tidy_haid, seed):
    for jobs in (1, 3):
        result = tidy_haid.run("-k", "-j", jobs, "--seed", seed, SHOW, ":::", *range(20))
        assert (result.status, result.err, result.lines) == (0, "", seeds(seed, range(1, 21)))


def test_no_two_jobs_have_the_same_and_all_programs_take_them():
    seed_of = documented()
    for seed in (0, 1, 2**64 - 1):
        all_of_them = {seed_of(seed, number) for number in range(1, 200_001)}
        assert len(all_of_them) == 200_000 and min(all_of_them) >= 0 and max(all_of_them) < 2**31
    ones = [bin(seed_of(1, number) ^ seed_of(1, number + 1)).count("1") for number in range(1, 1000)]
    assert 14 < sum(ones) / len(ones) < 17  # of 31 bits, neighbours differ in half


def test_without_the_option_there_is_none(tidy_haid, as_parallel):
    for door in (tidy_haid, as_parallel):
        assert door.run("echo ${HAID_SEED-none}; : {}", ":::", 1).out == "none\n"
    assert as_parallel.run("-k", "--seed", 7, SHOW, ":::", "a", "b").lines == seeds(7, (1, 2))


def test_a_run_that_goes_on_and_retries(tidy_haid, tmp_path):
    job = f"{SHOW} >> seen; [ -e {{}} ] || ! touch {{}}"  # each fails once
    result = tidy_haid.run("-j2", "--seed", 5, "--retries", 2, "--joblog", "log", job, ":::", *"abcd")
    assert result.status == 0
    assert sorted((tmp_path / "seen").read_text().splitlines()) == sorted(seeds(5, range(1, 5)) * 2)
    (tmp_path / "seen").unlink()
    job = f"{SHOW} >> seen; [ -e mended ] || [ {{}} = y ]"
    assert tidy_haid.run("--seed", 5, "--joblog", "other", job, ":::", *"xyz").status == 2
    tidy_haid.file("mended", "")
    for option in ("--resume-failed", "--retry-failed"):
        (tmp_path / "seen").unlink()
        kept = (tmp_path / "other").read_text()
        values = [] if option == "--retry-failed" else [job, ":::", *"xyz"]
        assert tidy_haid.run("--seed", 5, "--joblog", "other", option, *values).status == 0
        assert sorted((tmp_path / "seen").read_text().splitlines()) == seeds(5, (1, 3)), option
        assert len(log_entries(tmp_path / "other")) > 3
        tidy_haid.file("other", kept)
    assert tidy_haid.run("--seed", 5, "--joblog", "part", "--halt", "now,fail=1", "-j1", "[ {} = a ]", ":::", *"abc").status == 1
    assert tidy_haid.run("-k", "--seed", 5, "--joblog", "new", "--resume", SHOW, ":::", *"abc").lines == seeds(5, (1, 2, 3))


def test_jobs_of_jobs_are_told_apart(tidy_haid):
    inner = f"{tidy_haid.path} -k 'echo $HAID_SEED; : {{}}' ::: x y; : {{}}"
    result = tidy_haid.run("-k", "--seed", 3, inner, ":::", 1, 2)
    of = documented()
    assert result.lines == [str(of(of(3, outer), number)) for outer in (1, 2) for number in (1, 2)]
    assert tidy_haid.run("-k", SHOW, ":::", "a", "b", environment={"HAID_SEED": "3"}).lines == seeds(3, (1, 2))
    assert tidy_haid.run("-k", "--seed", 4, SHOW, ":::", "a", environment={"HAID_SEED": "no"}).lines == seeds(4, (1,))


def test_beside_a_variable_for_the_slot(tidy_haid):
    result = tidy_haid.run("-j1", "--seed", 9, "--process-slot-var", "MINE", f"{SHOW} $MINE $HAID_NODE_SLOT", ":::", "a")
    assert result.lines == [f"{seeds(9, (1,))[0]} 0 1"]


@pytest.mark.parametrize("wrong", ["-1", "1.5", "x", "", "18446744073709551616", "1k"])
def test_what_is_no_seed_is_said(tidy_haid, wrong):
    result = tidy_haid.run("--seed", wrong, "echo", ":::", 1)
    assert result.status == 255 and "--seed" in result.err and "whole number from 0 to 18446744073709551615" in result.err
    if wrong:
        result = tidy_haid.run("echo", ":::", 1, environment={"HAID_SEED": wrong})
        assert result.status == 255 and "HAID_SEED in the environment" in result.err and "--seed" in result.err


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed")
def test_the_examples_scripts_draw_the_same_with_every_run(tidy_haid):
    folder = CHECKOUT / "examples/scripts"
    line = ["run", "-k", "--seed", 2026, folder / "dice.py", folder / "dice.R", "--", "{}", ":::", "Aaron", "Bethan"]
    first = tidy_haid.run(*line)
    assert (first.status, first.err) == (0, "")
    python = [re.fullmatch(r"Python threw \[[1-6], [1-6], [1-6]\] for (\w+)", line) for line in first.lines[:2]]
    r = [re.fullmatch(r"R threw [1-6] [1-6] [1-6] for (\w+) *", line) for line in first.lines[2:]]
    assert [found[1] for found in python + r] == ["Aaron", "Bethan"] * 2
    assert tidy_haid.run(*line).out == first.out
    line[3] = 2027
    assert tidy_haid.run(*line).out != first.out
