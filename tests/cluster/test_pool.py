"""Pools whose workers are on all nodes of a job: of the Python package, and of the C++ library."""
import os
import pathlib
import re
import signal
import time

import pytest
from test_faults import stand_still

BUILD = pathlib.Path(os.environ["HAID_BUILD"])

HEAD = """
import os, sys, time
import haid as mp

def node():
    return os.environ["SLURMD_NODENAME"]

def square(x):
    return x * x

def where(x):
    time.sleep(0.05)
    return node()
"""


@pytest.fixture
def python():
    path = BUILD / "venv/bin/python"
    if not path.exists():
        pytest.skip("the Python package is not built here")
    return path


def program(lab, python, body, *options, head=HEAD, name="program.py"):
    """A batch job that runs the body as a Python program."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    (lab.shared / name).write_text(f"{head}\nif __name__ == '__main__':\n{lines}")
    return lab.submit(f"{python} {name}; echo status $?", *(options or ["-N3", "--exclusive"]))


def test_every_kind_of_call(lab, python):
    out = program(lab, python, """
with mp.Pool(nodes="slurm") as pool:
    print(pool._processes, "workers on", sorted(set(pool.map(where, range(60)))))
    print(pool.map(square, range(2000)) == [x * x for x in range(2000)])
    print(pool.starmap(pow, [(x, 3) for x in range(100)]) == [x ** 3 for x in range(100)])
    print(list(pool.imap(square, iter(range(3000)))) == [x * x for x in range(3000)])
    print(sorted(pool.imap_unordered(square, range(100))) == sorted(x * x for x in range(100)))
    print(pool.apply(divmod, (7, 3)), pool.apply_async(int, ("77",), {"base": 8}).get())
    results = [pool.map_async(square, range(n)) for n in range(20)]
    print([sum(r.get()) for r in results] == [sum(x * x for x in range(n)) for n in range(20)])
    told = []
    pool.starmap_async(pow, [(2, 5)], callback=told.append).wait()
    print(told, pool.map(lambda x: x + len(told), []), pool.map(lambda x: x + len(told), [1]))
""").wait()
    assert out == ("6 workers on ['n1', 'n2', 'n3']\nTrue\nTrue\nTrue\nTrue\n(2, 1) 63\nTrue\n[[32]] [] [2]\nstatus 0\n")


def test_items_have_their_streams_of_random_numbers(lab, python):
    """Whichever node runs them; a host's engine sees other calls than the pool has."""
    out = program(lab, python, """
import numpy
drawn = [numpy.random.default_rng(one).random() for one in numpy.random.SeedSequence(2026).spawn(2000)]
with mp.Pool(nodes="slurm") as pool:
    print(pool.map(draw, range(2000)) == drawn, list(pool.imap(draw, iter(range(300)))) == drawn[:300])
    print(len(set(pool.map(where, range(60)))), pool.map(second_try, range(40), retries=2, backoff=0.01) == drawn[:40])
    print([pool.apply(draw, (0,)) for _ in range(5)] == drawn[:5])
""", head=HEAD + """
def draw(_):
    return mp.stream(2026).random()

def second_try(x):
    if x % 9 == 4 and not os.path.exists(f"tried.{x}"):
        open(f"tried.{x}", "w").close()
        os._exit(1)
    return draw(x)
""").wait()
    assert out == "True True\n3 True\nTrue\nstatus 0\n"


FAULTS = HEAD + """
def fails(x):
    raise KeyError(x)

def dies(x):
    if x == 3:
        os.kill(os.getpid(), 9)
    return x

def flaky(x):
    path = f"tried.{x}"
    with open(path, "a") as file:
        file.write("t")
    if os.path.getsize(path) < 3:
        raise ValueError("not yet")
    return x

def caught(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__ + ": " + str(error)
"""


def test_errors_limits_and_crashes(lab, python):
    out = program(lab, python, """
with mp.Pool(nodes="slurm") as pool:
    print(caught(lambda: pool.map(fails, [7])))
    print(caught(lambda: pool.map(dies, range(6))))
    results = pool.imap(dies, range(6))
    print([caught(lambda: next(results))[:10] if x == 3 else next(results) for x in range(6)])
    print(caught(lambda: pool.map(time.sleep, [0, 30], timeout=0.5)))
    print(pool.map(flaky, range(4), retries=5, backoff=0.01), os.path.getsize("tried.2"))
    print(caught(lambda: pool.map(square, [1, open(os.devnull), 3])))
    print(pool.map(square, range(4)))
""", head=FAULTS).wait()
    lines = out.splitlines()
    assert lines[0] == "KeyError: 7"
    assert re.fullmatch(r"WorkerLost: worker \d was ended by SIGKILL .* while it ran task 3 \(on n\d\)", lines[1])
    assert lines[2] == "[0, 1, 2, 'WorkerLost', 4, 5]"
    assert lines[3].startswith("TimeoutError")
    assert lines[4] == "[0, 1, 2, 3] 3"
    assert lines[5].startswith("TypeError: cannot pickle")
    assert lines[6:] == ["[0, 1, 4, 9]", "status 0"]


def test_large_values_go_both_ways(lab, python):
    out = program(lab, python, """
import numpy
with mp.Pool(nodes="slurm") as pool:
    arrays = [numpy.full(3_000_000, x, dtype=numpy.int64) for x in range(4)]
    doubled = pool.map(double, arrays)
    print([(a.sum(), a.shape) == (2 * x * 3_000_000, (3_000_000,)) for x, a in enumerate(doubled)])
    print(len(pool.apply(bytes, (50_000_000,))))
""", head=HEAD + "\ndef double(a):\n    return a * 2\n").wait()
    assert out == "[True, True, True, True]\n50000000\nstatus 0\n"


def test_what_tasks_print_and_the_initializer(lab, python):
    head = HEAD + """
value = None
def begin(x):
    global value
    value = x
def look(x):
    print("item", x, flush=False)
    return value
"""
    out = program(lab, python, """
with mp.Pool(1, begin, ("ready",), nodes="slurm") as pool:
    print(pool.map(look, range(6)))
    pool.close()
    pool.join()
""", head=head).wait()
    assert sorted(out.splitlines()) == ["['ready', 'ready', 'ready', 'ready', 'ready', 'ready']",
                                        *(f"item {x}" for x in range(6)), "status 0"]


def test_an_initializer_that_fails_ends_every_call(lab, python):
    head = HEAD + "\ndef begin():\n    raise RuntimeError('no licence on ' + node())\n"
    out = program(lab, python, """
try:
    with mp.Pool(initializer=begin, nodes="slurm") as pool:
        pool.map(square, range(10))
except Exception as error:
    print(type(error).__name__, error)
""", head=head).wait()
    assert re.search(r"no licence on n[123]", out) and out.endswith("status 0\n")


def test_on_one_node_it_is_a_pool_like_any_other(lab, python):
    out = program(lab, python, """
with mp.Pool(nodes="slurm") as pool:
    print(pool._processes, set(pool.map(where, range(4))), len(pool._pool))
""", "-N1", "--exclusive").wait()
    assert out == "2 {'n1'} 2\nstatus 0\n"


def test_the_shell_of_salloc_is_not_on_the_node_that_it_got(lab, python):
    (lab.shared / "program.py").write_text(HEAD + """
if __name__ == "__main__":
    with mp.Pool(nodes="slurm") as pool:
        print(set(pool.map(where, range(4))))
""")
    assert lab.run("salloc", "--quiet", "-N1", python, "program.py").stdout == "{'n1'}\n"


def test_outside_of_a_job(lab, python):
    done = lab.run(python, "-c", "import haid; haid.Pool(nodes='slurm')", check=False)
    assert "ValueError: nodes is 'slurm', but this is no Slurm job" in done.stderr
    done = lab.run(python, "-c", "import haid; haid.Pool(nodes='n1')", check=False)
    assert "ValueError: nodes is 'n1', but can be 'slurm'" in done.stderr


def hosts(lab, name):
    return [pid for pid, words in lab.processes(name) if any("haid._nodes" in word for word in words)]


SLOW = HEAD + """
def slow(x):
    with open(f"ran.{x}", "a") as file:
        file.write(f"begin {time.time()}\\n")
    time.sleep(40 if node() == "n2" else 1.5)  # n2 is what the tests lose
    with open(f"ran.{x}", "a") as file:
        file.write(f"end {time.time()}\\n")
    return x
"""


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_host_that_is_lost_costs_nothing_but_time(lab, python, how):
    job = program(lab, python, """
with mp.Pool(nodes="slurm") as pool:
    print(pool.map(slow, range(18)) == list(range(18)))
""", "-N3", "--exclusive", "--no-kill", head=SLOW)
    job.until(lambda: len(list(lab.shared.glob("ran.*"))) >= 6)
    first = min(hosts(lab, "n2"))
    os.kill(first, signal.SIGKILL if how == "kill" else signal.SIGSTOP)
    out = job.wait(90)
    assert "True\nstatus 0" in out and "node n2 is lost" in out
    for x in range(18):
        lines = (lab.shared / f"ran.{x}").read_text().splitlines()
        assert lines[-1].startswith("end")
        # What was given elsewhere had been ended before: no item runs twice at the same time.
        assert [line.split()[0] for line in lines] in (["begin", "end"], ["begin", "begin", "end"])


@pytest.mark.parametrize("how", ["suspended", "frozen"])
def test_the_whole_pool_stands_still(lab, python, how):
    job = program(lab, python, """
with mp.Pool(1, nodes="slurm") as pool:
    print(pool.map(slow, range(9)) == list(range(9)))
""", "-N3", "--exclusive", head=SLOW.replace("40 if", "3 if"))
    job.until(lambda: len(list(lab.shared.glob("ran.*"))) >= 3)
    stand_still(lab, job, how)
    assert job.wait(90) == "True\nstatus 0\n"
    assert all(path.read_text().count("begin") == 1 for path in lab.shared.glob("ran.*"))


def test_nothing_is_left_behind_where_the_program_is_killed(lab, python):
    job = program(lab, python, """
with mp.Pool(nodes="slurm") as pool:
    open(f"pid", "w").write(str(os.getpid()))
    pool.map(slow, range(1000))
""", head=SLOW)
    job.until(lambda: len(list(lab.shared.glob("ran.*"))) >= 6)
    main = next(pid for pid, words in lab.processes("n1") if words[-1:] == ["program.py"])
    os.kill(main, signal.SIGKILL)
    out = job.wait(60)
    assert "status 137" in out
    for name in ("n1", "n2", "n3"):
        lab._until(lambda name=name: not hosts(lab, name), f"a host lives on {name}")
    began = {path.name: path.read_text().count("begin") for path in lab.shared.glob("ran.*")}
    time.sleep(2)
    assert began == {path.name: path.read_text().count("begin") for path in lab.shared.glob("ran.*")}


def test_the_secret_goes_when_all_hosts_have_called(lab, python):
    out = program(lab, python, """
import pathlib
with mp.Pool(nodes="slurm") as pool:
    print(pool.map(square, [3]), [p.name for p in pathlib.Path(os.environ["HAID_RUN_FOLDER"]).glob("*")])
""", "-N3", "--exclusive", f"--export=ALL,HAID_RUN_FOLDER={lab.shared}/runs").wait()
    assert out == "[9] []\nstatus 0\n"


def test_a_program_in_cpp(lab):
    example = BUILD / "bin/examples/pool_on_nodes"
    out = lab.submit(f"{example}; echo status $?", "-N3", "--exclusive").wait()
    assert out == "6 workers\nThe sum of the squares is 328350\nstatus 0\n"


@pytest.mark.parametrize("how", [[], ["--full"]])
def test_a_pool_whose_job_is_cancelled_does_not_look_like_a_crash(lab, python, how):
    job = program(lab, python, """
with mp.Pool(nodes="slurm") as pool:
    print("ready", len(pool.map(where, range(60))), flush=True)
    pool.map(where, range(100_000), chunksize=1)
""")
    job.until(lambda: "ready 60" in job.output(), 60)
    lab.run("scancel", *how, job.number)
    lab._until(lambda: lab.run("squeue", "-h", check=False).stdout == "", "the job has not ended")
    time.sleep(2)  # what is told late would be there by now
    out = job.output()
    assert "ready 60" in out and "CANCELLED" in out
    assert not re.search("^haid: |is lost|Traceback", out, re.M), out


def test_options_reach_the_workers_of_all_nodes(lab, python):
    out = program(lab, python, """
here = os.nice(0)
for pool in mp.Pool(2, nodes="slurm", nice=4), mp.ProcessPoolExecutor(2, nodes="slurm", nice=4):
    with pool:
        print(sorted({(name, nice - here) for name, nice in pool.map(niceness, range(60))}))
for bad in {"nice": 77}, {"nise": 7}:
    try:
        mp.Pool(nodes="slurm", **bad)
    except (ValueError, TypeError) as error:
        print(error)
""", head=HEAD + """
def niceness(x):
    time.sleep(0.05)
    return node(), os.nice(0)
""").wait()
    everywhere = "[('n1', 4), ('n2', 4), ('n3', 4)]\n"
    assert out == (2 * everywhere + "a pool's `nice` cannot be 77: it is -20 to 19\n"
                   "there is no option 'nise': a pool has processes, initializer, initargs, maxtasksperchild, nodes and nice\n"
                   "status 0\n")
