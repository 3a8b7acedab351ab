"""What the documents show of C++ compiles; their whole programs do what they say."""

import os
import pathlib
import re
import subprocess

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = pathlib.Path(os.environ.get("HAID_LIBRARY", CHECKOUT / "build/libhaid.a"))
SANITIZE = os.environ.get("HAID_SANITIZE")
pytestmark = pytest.mark.timeout(300)  # compilers on busy machines

# What docs/library.md takes for granted in its pieces.
AROUND = """
#include <haid/haid.hpp>
#include <iostream>
#include <mutex>
#include <random>
#include <ranges>
#include <string>
#include <tuple>
#include <vector>
double simulate(int seed);
extern std::vector<int> seeds;
extern haid::Pool pool;
"""


def blocks(document):
    return re.findall(r"^```cpp\n(.*?)^```$", (CHECKOUT / document).read_text(), re.MULTILINE | re.DOTALL)


def compile_source(source, folder, *flags):
    path = folder / "block.cpp"
    path.write_text(source)
    command = [os.environ.get("CXX", "g++"), "-std=c++20", "-Wall", "-Wextra", "-Werror", f"-I{CHECKOUT}/include", path, *flags]
    if SANITIZE:
        command.append(f"-fsanitize={SANITIZE}")
    result = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("document, expected", [
    ("README.md", "16\n4\n9\n12\n"),
    ("docs/library.md", "16\n4\n9\n"),
    ("docs/random.md", "pi is about 3.14\n"),
])
def test_the_program_runs(document, expected, tmp_path):
    (program,) = [block for block in blocks(document) if "int main()" in block]
    compile_source(program, tmp_path, LIBRARY, "-pthread", "-o", tmp_path / "program")
    result = subprocess.run([tmp_path / "program"], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, expected, "")


def test_the_pieces_compile(tmp_path):
    pieces = [block for name in ("library", "random") for block in blocks(f"docs/{name}.md") if "int main()" not in block]
    assert len(pieces) >= 5
    functions = [f"void piece_{number}() {{\n{piece}}}\n" for number, piece in enumerate(pieces)]
    compile_source(AROUND + "\n".join(functions), tmp_path, "-fsyntax-only", "-Wno-unused")
