"""Pools whose workers are programs of their own: what they are told, and that nothing of them hangs or stays."""
import os
import signal
import sys

import pytest

import haid
from breaking import Script, eventually, expect_works, kill_myself, run_script, twice

pytestmark = pytest.mark.parametrize("method", ["spawn", "forkserver"])

changed = "at first"


def look(_):
    return changed, os.getppid(), haid.current_process().name, haid.parent_process().pid, os.environ["HAID_CPUS"]


def iter_of(x):
    yield x


def hold(lock):
    global held
    held = lock


def use(_):
    with held:
        return bytes(haid.current_process().authkey)


def die(x):
    if x == 3:
        kill_myself()
    return x


def test_nothing_is_inherited(method):
    global changed
    changed = "later"
    with haid.get_context(method).Pool(2) as pool:
        for seen, parent, name, pid, cpus in pool.map(look, range(20)):
            assert (seen, pid) == ("at first", os.getpid()) and parent != os.getpid()
            assert name.startswith({"spawn": "SpawnPoolWorker-", "forkserver": "ForkServerPoolWorker-"}[method]) and int(cpus) >= 1
        assert pool.apply(lambda: sys.stdin.read()) == ""
        assert list(pool.imap(twice, range(1000))) == [2 * x for x in range(1000)]
        expect_works(pool)


def test_locks_come_by_the_initializer(method):
    context = haid.get_context(method)
    with context.Pool(2, hold, (context.Lock(),)) as pool:
        assert set(pool.map(use, range(10))) == {bytes(haid.current_process().authkey)}


def test_a_crash_costs_one_item(method):
    with haid.get_context(method).Pool(2, maxtasksperchild=4) as pool:
        for x in range(6):
            result = pool.apply_async(die, (x,))
            if x == 3:
                with pytest.raises(haid.WorkerLost, match="SIGKILL"):
                    result.get()
            else:
                assert result.get() == x


def test_workers_that_cannot_start(method, capfd):
    with haid.get_context(method).Pool(1, os._exit, (3,)) as pool:
        with pytest.raises(haid.PoolError, match="exit status 3"):
            pool.map(twice, [1])


def test_what_cannot_be_pickled_is_said_at_once(method):
    with pytest.raises(TypeError, match="cannot pickle 'generator' object"):
        haid.get_context(method).Pool(1, hold, (iter_of(1),))


def test_a_program_without_a_file(method, tmp_path):
    source = f"""
import haid
def square(x):
    return x * factor
factor = 3
pool = haid.get_context({method!r}).Pool(2)
print(pool.map(square, range(4)))
pool.close()
pool.join()
"""
    program = tmp_path / "typed"
    program.write_text(source)
    with Script(tmp_path, "", shell=f"{sys.executable} < {program}") as script:
        assert script.end() == (0, "[0, 3, 6, 9]\n", "")
        script.expect_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_parent_is_killed(method, number, tmp_path):
    source = f"""
import haid, os, threading

def slow(_):
    os.write(1, b"started\\n")
    threading.Event().wait(1000)

if __name__ == "__main__":
    pool = haid.get_context({method!r}).Pool(2)
    pool.map(slow, range(2))
"""
    with Script(tmp_path, source) as script:
        assert script.wait_for_line() == "started"
        os.kill(script.process.pid, number)
        assert script.end()[0] == -number
        script.expect_nothing_left()


def test_a_script_ends_without_closing(method, tmp_path):
    source = f"""
import haid
if __name__ == "__main__":
    pool = haid.get_context({method!r}).Pool(2)
    print(pool.map(abs, [-1]))
"""
    assert run_script(tmp_path, source) == "[1]\n"


def test_nothing_stays_open(method):
    def one():
        with haid.get_context(method).Pool(1) as pool:
            assert pool.apply(twice, (2,)) == 4

    one()
    before = len(os.listdir("/proc/self/fd"))
    one()
    eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)


def test_the_zygote_is_killed(method, tmp_path):
    source = f"""
import haid, os, signal, time

def zygote(_):
    return os.getppid()

if __name__ == "__main__":
    pool = haid.get_context({method!r}).Pool(2)
    pid = pool.apply(zygote, (0,))
    result = pool.map_async(time.sleep, [1000, 1000])
    os.kill(pid, signal.SIGKILL)
    try:
        result.get()
    except haid.PoolError as error:
        print(error)
"""
    assert "and they with it" in run_script(tmp_path, source)
