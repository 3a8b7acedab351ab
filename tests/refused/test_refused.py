"""Sources that must not compile: the compiler says why, in the sentence that their first line expects."""

import os
import pathlib
import re
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]


@pytest.mark.parametrize("source", sorted(FOLDER.glob("*.cpp")), ids=lambda source: source.stem)
def test_is_refused(source):
    expected = re.findall(r"^// expect: (.*)$", source.read_text(), re.MULTILINE)
    assert expected, "the first line says what to expect"
    compiler = os.environ.get("CXX", "g++")
    command = [compiler, "-std=c++20", "-fsyntax-only", f"-I{ROOT}/include", str(source)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "LC_ALL": "C"})
    assert result.returncode != 0, "it compiles"
    for text in expected:
        assert text in result.stderr
    # One sentence, and no noise before or after it.
    faults = re.findall(r"\b(?:error|warning): .*", result.stderr)
    assert len(faults) == 1 and expected[0] in faults[0], result.stderr
