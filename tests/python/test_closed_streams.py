"""Programs whose standard streams are closed from the start: nothing of the package's may get their numbers, for what
is printed goes there."""
import pytest

from breaking import run_script

PROGRAM = """
import os, sys
import haid

def open_streams(_=None):
    return [fd for fd in range(3) if os.path.exists(f"/proc/self/fd/{fd}")]

def shout(x):
    print("print", x)
    for fd in CLOSED:
        try:
            os.write(fd, b"x" * 64)
        except OSError:
            pass
    return 2 * x

def child(connection):
    connection.send(open_streams())

CLOSED = [fd for fd in range(3) if fd not in open_streams()]

if __name__ == "__main__":
    context = haid.get_context(sys.argv[1])
    before = open_streams()
    with open("found", "w") as found:
        # The file itself has got one of the numbers: it gives it up.
        copy = os.dup2(found.fileno(), 100)
    if sys.argv[1] != "fork":  # what multiprocessing opens for itself is its own affair
        from multiprocessing import resource_tracker
        resource_tracker.ensure_running()
        if sys.argv[1] == "forkserver":
            from multiprocessing import forkserver
            forkserver.ensure_running()
        before = open_streams()
    with context.Pool(2) as pool:
        assert open_streams() == before, open_streams()
        assert pool.map(shout, range(2000)) == [2 * x for x in range(2000)]
        assert pool.apply_async(shout, (21,)).get() == 42
        assert open_streams() == before
    if sys.argv[1] == "fork":
        ours, theirs = os.pipe()
        ours, theirs = os.dup2(ours, 101), os.dup2(theirs, 102)
        for fd in CLOSED:
            try:
                os.close(fd)
            except OSError:
                pass
        process = context.Process(target=lambda: os.write(theirs, repr([os.readlink(f"/proc/self/fd/{fd}") for fd in CLOSED if fd in open_streams()]).encode()))
        process.start()
        assert open_streams() == before, open_streams()
        process.join()
        # multiprocessing opens that in the place of standard input, under any number.
        assert set(eval(os.read(ours, 100))) <= {"/dev/null"}
        daemon = context.Process(target=haid.active_children, daemon=True)
        daemon.start()
        daemon.join()
        assert (process.exitcode, daemon.exitcode) == (0, 0)
    os.write(copy, b"all is well")
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_nothing_gets_their_numbers(tmp_path, method, closed):
    out = run_script(tmp_path, PROGRAM, shell=f"exec {{}} {method} {closed}")
    assert (tmp_path / "found").read_text() == "all is well"
    assert ("print" in out) == (">&-" not in closed.split())
