"""The wheel that ./dev build makes is all that another machine needs, besides Python and cloudpickle."""
import os
import pathlib
import re
import shutil
import subprocess
import venv
import zipfile

import cloudpickle
import pytest

BUILD = pathlib.Path(os.environ.get("HAID_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
PROGRAM = """
import os
import haid

def half(x):
    if x < 0:
        raise ValueError(x)
    return x / 2

with haid.Pool(2) as pool:
    print(pool.map(half, range(3)), pool.map(lambda x: x + 1, [1]))
    try:
        pool.map(half, [-1])
    except ValueError as error:
        print(error)
    try:
        pool.apply(os._exit, (3,))
    except haid.WorkerLost as lost:
        print(lost.exit_code)
with haid.Lock():
    print(haid.run(["echo haid"])[0].stdout, end="")
print(haid.__file__)
"""


@pytest.fixture(scope="module")
def wheel():
    found = list((BUILD / "wheel").glob("haid-*.whl"))
    if not found:
        pytest.skip(f"there is no wheel in {BUILD}/wheel: ./dev build makes one")
    return found[0]


def run(*command, **settings):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=100, **settings)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_it_works_where_there_is_nothing_else(wheel, tmp_path):
    """Not even a PATH: no compiler, no shell but /bin/sh."""
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    bare = {"PATH": str(tmp_path / "nothing"), "HOME": str(tmp_path)}
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, env=bare)
    (packages,) = place.glob("lib/python*/site-packages")
    shutil.copytree(pathlib.Path(cloudpickle.__file__).parent, packages / "cloudpickle")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    lines = run(python, program, env=bare, cwd=tmp_path).splitlines()
    assert lines == ["[0.0, 0.5, 1.0] [2]", "-1", "3", "haid", str(packages / "haid" / "__init__.py")]
    assert run(place / "bin" / "haid", "echo", ":::", "1", env=bare) == "1\n"


def test_it_brings_its_libraries(wheel, tmp_path):
    """Nothing of it wants more of a machine than what every Linux has, and its names are nobody else's."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    (module,) = tmp_path.glob("haid/_haid*.so")
    wanted = run("readelf", "-d", module)
    assert set(re.findall(r"NEEDED.*\[(\w+)", wanted)) <= {"libc", "libm", "libgcc_s", "ld", "libpthread", "libdl"}
    assert not re.search(r"GLIBCXX|CXXABI", run("readelf", "-V", module))
    assert " UNIQUE " not in run("readelf", "-W", "--dyn-syms", module)
    assert "NEEDED" not in run("readelf", "-d", tmp_path / "haid" / "bin" / "haid")


def test_it_has_what_type_checkers_want(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"haid/py.typed", "haid/__init__.pyi", "haid/pool.pyi"} <= set(names)
