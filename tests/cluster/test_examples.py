"""The batch scripts of examples/slurm, as they are, on a real Slurm."""
import os
import pathlib
import re
import shutil

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/slurm"
IN_ORDER = ["first", "second", "third", "fourth", "fifth", "sixth"]


@pytest.fixture
def scripts(lab, haid):
    """They lie in the shared folder, and haid and Python are in PATH, as modules would have it."""
    for file in EXAMPLES.iterdir():
        shutil.copy(file, lab.shared)
    programs = lab.shared / "bin"
    programs.mkdir()
    (programs / "haid").symlink_to(haid)
    python = pathlib.Path(os.environ["HAID_BUILD"]) / "venv/bin/python"
    if python.exists():
        (programs / "python").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
        (programs / "python").chmod(0o755)
    return f"ALL,PATH={programs}:{lab.environment['PATH']}"


def run(lab, scripts, name):
    lab.run("sbatch", "--wait", f"--export={scripts}", f"{name}.sh", timeout=90)
    outputs = list(lab.shared.glob("*.out"))
    assert len(outputs) == 1
    return outputs[0].read_text()


def test_a_pool(lab, scripts):
    if not (lab.shared / "bin/python").exists():
        pytest.skip("the Python package is not built here")
    assert run(lab, scripts, "pool") == f"{sum(x * x for x in range(1000))} with 2 workers\n"


def test_a_pool_on_nodes(lab, scripts):
    if not (lab.shared / "bin/python").exists():
        pytest.skip("the Python package is not built here")
    assert run(lab, scripts, "pool_on_nodes") == f"{sum(x * x for x in range(1000))} on n1 n2\n"


def test_one_node(lab, scripts):
    out = run(lab, scripts, "one_node")
    assert re.findall(r"^(\w+) job, on n1$", out, re.M) == IN_ORDER and "real" in out


def test_several_nodes(lab, scripts):
    out = run(lab, scripts, "several_nodes")
    assert re.findall(r"^(\w+) job, on n[12]$", out, re.M) == IN_ORDER and "real" in out
    assert len((lab.shared / "commands.log").read_text().splitlines()) == 7
