"""What the program answers by itself is written, or the error says why not."""

import pytest

ANSWERS = {
    "help": ["--help"],
    "version": ["--version"],
    "sockets": ["--number-of-sockets"],
    "cores": ["--number-of-cores"],
    "threads": ["--number-of-threads"],
    "line-length": ["--max-line-length-allowed"],
    "oldest-version": ["--minversion", "20200101"],
    "resources": ["resources"],
    "resources-help": ["resources", "--help"],
    "run-help": ["run", "--help"],
    "status": ["status"],
    "status-help": ["status", "--help"],
    "cancel-help": ["cancel", "--help"],
    "submit-help": ["submit", "--help"],
    "script": ["submit", "--show", "--", "echo", ":::", "a"],
}


@pytest.fixture(params=ANSWERS.values(), ids=ANSWERS.keys())
def question(request):
    return request.param


def test_an_answer_is_on_standard_output(tidy_haid, question):
    result = tidy_haid.run(*question)
    assert (result.status, result.err) == (0, "")
    assert result.out.endswith("\n")


def test_an_answer_that_a_full_disk_does_not_take_is_an_error(tidy_haid, question):
    with open("/dev/full", "wb") as full:
        result = tidy_haid.run(*question, stdout=full)
    assert (result.status, result.err) == (255, "haid: error: cannot write to standard output: No space left on device\n")


def test_an_answer_to_a_closed_standard_output_is_an_error(tidy_haid, question):
    result = tidy_haid.run_command(["/bin/bash", "-c", 'exec "$@" >&-', "bash", *tidy_haid.command(question)])
    assert result.status == 255
    assert "cannot write to standard output: it was closed" in result.err


def test_parallels_version_is_an_answer_too(as_parallel):
    with open("/dev/full", "wb") as full:
        result = as_parallel.run("--version", stdout=full)
    assert (result.status, result.err) == (255, "parallel: error: cannot write to standard output: No space left on device\n")
