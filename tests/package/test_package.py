"""The library as it is installed: other projects build with it, and it knows nothing of where it was built."""

import os
import pathlib
import shlex
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
CHECKOUT = FOLDER.parents[1]
BUILD = pathlib.Path(os.environ.get("HAID_BUILD", CHECKOUT / "build")).resolve()
EXPECTED = "42 1 4 6 8 1\n"

pytestmark = pytest.mark.timeout(500)  # compilers on busy machines


def run(*command, **environment):
    command = [str(word) for word in command]
    result = subprocess.run(command, capture_output=True, text=True, timeout=250, env={**os.environ, **environment})
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--prefix", folder / "first")
    # Whatever is installed can be moved.
    return (folder / "first").rename(folder / "moved")


def test_a_cmake_project(prefix, tmp_path):
    run("cmake", "-G", "Ninja", "-S", FOLDER / "consumer", "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "consumer") == EXPECTED


def test_pkg_config(prefix, tmp_path):
    (found,) = prefix.rglob("haid.pc")
    flags = run("pkg-config", "--cflags", "--libs", "haid", PKG_CONFIG_PATH=str(found.parent))
    sources = sorted((FOLDER / "consumer").glob("*.cpp"))
    run(os.environ.get("CXX", "g++"), "-std=c++20", *sources, *shlex.split(flags), "-o", tmp_path / "consumer")
    assert run(tmp_path / "consumer") == EXPECTED


def test_the_version_is_ours(prefix):
    (found,) = prefix.rglob("haid.pc")
    version = run("pkg-config", "--modversion", "haid", PKG_CONFIG_PATH=str(found.parent))
    assert version == (CHECKOUT / "VERSION").read_text().splitlines()[0] + "\n"


def test_the_public_headers_are_there_and_nothing_else_is(prefix):
    header = lambda root: sorted(str(path.relative_to(root)) for path in root.rglob("*.hpp"))
    assert header(prefix) == [f"include/{name}" for name in header(CHECKOUT / "include")]


@pytest.mark.skipif(os.environ.get("HAID_BUILD_TYPE", "Release") != "Release", reason="debug information names the sources")
def test_nothing_names_the_folders_it_was_built_in(prefix):
    files = [path for path in prefix.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        for folder in (CHECKOUT, BUILD):
            assert os.fsencode(folder) not in content, f"{path.relative_to(prefix)} names {folder}"
