"""Sources that must not compile: both compilers say why, in the sentence that the first lines expect."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
# ./dev test installs both; who has only one tests with that.
COMPILERS = [compiler for compiler in (os.environ.get("CXX", "g++"), "clang++-16") if shutil.which(compiler)]


def expected_by(compiler, source):
    family = "clang" if "clang" in compiler else "g\\+\\+"
    return re.findall(rf"^// expect(?: {family})?: (.*)$", source.read_text(), re.MULTILINE)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("source", sorted(FOLDER.glob("*.cpp")), ids=lambda source: source.stem)
def test_is_refused(source, compiler):
    expected = expected_by(compiler, source)
    assert expected, "the first line says what to expect"
    # What clang takes with a warning is refused with -Werror, as in most programs.
    command = [compiler, "-std=c++20", "-Werror", "-fsyntax-only", f"-I{ROOT}/include", str(source)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "LC_ALL": "C"})
    assert result.returncode != 0, "it compiles"
    for text in expected:
        assert text in result.stderr
    # One sentence, and no noise before or after it.
    faults = re.findall(r"\b(?:error|warning): .*", result.stderr)
    assert len(faults) == 1 and expected[0] in faults[0], result.stderr
