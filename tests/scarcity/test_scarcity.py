"""Every limit of descriptors and of processes at every door: each run ends, right or with an error that says which limit."""
import json
import os
import pathlib
import re
import resource
import subprocess

import pytest

import sweep

FOLDER = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("HAID_BUILD", FOLDER.parents[1] / "build")).resolve()
HAID = pathlib.Path(os.environ.get("HAID", BUILD / "bin/haid")).absolute()
DOORS = pathlib.Path(os.environ.get("HAID_DOORS", BUILD / "bin/doors")).absolute()
PYTHON = BUILD / "venv/bin/python"

CPP = ["pool", "pool in the background", "pool with a callback", "map", "threads", "process"]
PYTHONS = ["pool", "background", "callback", "imap", "executor", "spawn", "threads", "process", "spawned_process"]

REASON = {"descriptors": r"Too many open files|No file descriptors available", "processes": "Resource temporarily unavailable"}
LIMIT = {"descriptors": "ulimit -n", "processes": "ulimit -u"}

limited = pytest.mark.parametrize("limited", [
    "descriptors",
    pytest.param("processes", marks=pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")),
])


def expect_ends(runs, limited, program=None):
    """``program``: a text that stands for another program's own words about its want."""
    for limit, status, left, text in runs:
        where = f"{limited}: {limit}: {text!r}"
        assert status is not None, f"it never ends: {where}"
        assert not left, f"something is left of it: {where}"
        if text.splitlines()[-1:] == ["right"]:
            continue
        clear = re.search(REASON[limited], text) and LIMIT[limited] in text
        assert clear or (program and re.search(program, text)), f"neither right nor clear: {where}"
    assert runs[-1][3].splitlines()[-1:] == ["right"], "not even the largest limit is enough"


def told(runs):
    return [(run.limit, run.status, run.left, run.text) for run in runs]


@limited
@pytest.mark.parametrize("door", CPP)
def test_cpp(door, limited):
    def body(limit):
        os.execv(DOORS, [DOORS, door, limited, str(limit)])

    expect_ends(told(sweep.sweep(sweep.LIMITS[limited], lambda limit: sweep.forked(limit, body))), limited)


@limited
@pytest.mark.parametrize("door", PYTHONS)
def test_python(door, limited):
    run = subprocess.run([PYTHON, FOLDER / "doors.py", door, limited], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    # A program that is started says in Python's words that it cannot open its own files.
    own_words = r"Too many open files: '.*\.py'"  # of an import
    program = "Errno 24|ImportError|end before they are ready" if door in ("spawn", "spawned_process") else own_words
    expect_ends([json.loads(line) for line in run.stdout.splitlines()], limited, program)


@limited
def test_program(limited, tmp_path):
    os.chmod(tmp_path, 0o777)

    def body(limit):
        os.chdir(tmp_path)
        if limited == "descriptors":
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        else:
            resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
            os.setuid(1_000_000 + os.getpid())
        os.execv(HAID, [HAID, "-j4", "--no-progress", "echo right #{}", ":::", *"12345678"])

    expect_ends(told(sweep.sweep(sweep.LIMITS[limited], lambda limit: sweep.forked(limit, body))), limited)
