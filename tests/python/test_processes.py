"""haid.Process is multiprocessing's, and a daemonic one does not outlive its parent."""
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import textwrap

import pytest

import haid

PARENT = """
import os, sys, time
import haid

def sleep(kind):
    os.write(1, f"{kind} {os.getpid()}\\n".encode())
    time.sleep(1000)

if __name__ == "__main__":
    haid.set_start_method(sys.argv[1])
    for _ in range(2):
        # What is forked later holds nothing that keeps a daemon alive.
        haid.Process(target=sleep, args=("daemon",), daemon=True).start()
        pool = haid.get_context("fork").Pool(1)
        pool.apply(abs, (1,))
        haid.get_context("fork").Process(target=sleep, args=("other",)).start()
        if os.fork() == 0:
            sleep("other")
    time.sleep(1000)
"""


def wait_for_end(pid):
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([end], [], [], 60)[0], f"{pid} is still there"
    os.close(end)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_daemons_end_with_a_killed_parent(method, tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, program, method], stdout=subprocess.PIPE, text=True)
    pids = {"daemon": [], "other": []}
    for _ in range(6):
        kind, pid = parent.stdout.readline().split()
        pids[kind].append(int(pid))
    parent.kill()
    parent.wait()
    try:
        for pid in pids["daemon"]:
            wait_for_end(pid)
        for pid in pids["other"]:
            os.kill(pid, 0)
    finally:
        for pid in pids["other"]:
            os.kill(pid, signal.SIGKILL)


class Subclass(haid.Process):
    def __init__(self, queue):
        super().__init__(name="mine")
        self.queue = queue

    def run(self):
        self.queue.put((self.name, haid.current_process() is self, haid.parent_process().pid))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_subclass(method):
    haid.set_start_method(method, force=True)
    try:
        queue = haid.SimpleQueue()
        process = Subclass(queue)
        process.start()
        assert queue.get() == ("mine", True, os.getpid())
        process.join()
        assert process.exitcode == 0
    finally:
        haid.set_start_method(None, force=True)


def test_no_descriptor_stays():
    open_after = []
    for daemon in (True, False, True):
        process = haid.Process(target=abs, args=(1,), daemon=daemon)
        process.start()
        process.join()
        process.close()
        open_after.append(set(os.listdir("/proc/self/fd")))
    # The first one in a program makes what all later ones use.
    assert open_after[0] == open_after[1] == open_after[2]


def test_the_parent_is_seen_to_end(tmp_path):
    """What a sibling inherits does not hide that the parent has ended."""
    program = """
import haid, os, sys, time

def watch():
    haid.parent_process().join()
    os.write(1, b"parent gone")

def sleep():
    time.sleep(20)

haid.Process(target=watch).start()
haid.Process(target=sleep).start()
os._exit(0)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert os.read(process.stdout.fileno(), 100) == b"parent gone"
    process.wait()


def test_a_signal_that_comes_with_the_fork_runs_nothing_of_the_parents_in_the_child(tmp_path):
    source = textwrap.dedent("""
        import _thread, os
        import haid

        def never():
            print("ran", flush=True)

        os.register_at_fork(after_in_child=_thread.interrupt_main)
        process = haid.Process(target=never)
        try:
            process.start()
        except KeyboardInterrupt:
            print("handled by the child", flush=True)
            os._exit(0)
        process.join()
        print(process.exitcode)
    """)
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ended.stdout.split() == ["1"]
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")


IGNORES_CHILDREN = """
import os, signal, sys
import haid

def die():
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    haid.set_start_method(sys.argv[1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    process = haid.Process(target=die)
    process.start()
    process.join(60)
    print(process.exitcode == process.unknown_exit, process.is_alive(), haid.active_children())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process = haid.Process(target=die)
    process.start()
    os.waitpid(process.pid, 0)
    process.join(60)
    print(process.exitcode == process.unknown_exit, process.is_alive(), haid.active_children())
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_how_a_process_ended_is_unknown_where_somebody_else_was_told(method, tmp_path):
    program = tmp_path / "ignores.py"
    program.write_text(IGNORES_CHILDREN)
    ended = subprocess.run([sys.executable, program, method], capture_output=True, text=True, timeout=150)
    assert ended.stdout.splitlines() == ["True False []"] * 2, ended.stderr
