"""What tasks print is out before their result is there, whole and once, whatever becomes of the worker."""
import collections
import textwrap

import pytest

from breaking import Script, run_script

COUNT = 1000
CALLS = {
    "map": "pool.map(say, range(COUNT))",
    "imap": "list(pool.imap(say, range(COUNT)))",
    "imap_unordered": "list(pool.imap_unordered(say, range(COUNT)))",
    "apply": "[pool.apply(say, (i,)) for i in range(COUNT)]",
    "apply_async": "[result.get() for result in [pool.apply_async(say, (i,)) for i in range(COUNT)]]",
    "callback": "pool.map_async(say, range(COUNT), callback=lambda _: print('called back')).get()",
    "one task a worker": "haid.Pool(2, maxtasksperchild=1).map(say, range(COUNT))",
    "not waited for": "pool.map_async(say, range(COUNT)); pool.close(); pool.join()",
}


def program(call, say):
    return f"import haid, os, signal, sys\nCOUNT = {COUNT}\n{textwrap.dedent(say)}\n" + textwrap.dedent(f"""
        with haid.Pool(2) as pool:
            print("before")
            {call}
            print("behind")
    """)


def lines_of(folder, source):
    with open(folder / "output", "w+") as output:
        run_script(folder, source, stdout=output)
        output.seek(0)
        return output.read().splitlines()


@pytest.mark.parametrize("call", CALLS)
def test_no_line_is_lost_or_torn(tmp_path, call):
    lines = lines_of(tmp_path, program(CALLS[call], """
        def say(i):
            print("line", i, "of", os.getpid() * 0, sep="-", end="\\n")
    """))
    expected = [f"line-{i}-of-0" for i in range(COUNT)]
    expected += ["before", "behind", *(["called back"] if call == "callback" else [])]
    assert collections.Counter(lines) == collections.Counter(expected)
    if call != "callback":
        assert (lines[0], lines[-1]) == ("before", "behind")


def test_a_worker_that_is_killed_has_printed(tmp_path):
    lines = lines_of(tmp_path, program("""
            for i in range(20):
                try:
                    pool.apply(say, (i,))
                except haid.WorkerLost:
                    print("lost")
    """, """
        def say(i):
            print("line", i)
            print("error", i, file=sys.stderr) if i < 0 else None
            os.kill(os.getpid(), signal.SIGKILL)
    """))
    assert lines == ["before", *(line for i in range(20) for line in (f"line {i}", "lost")), "behind"]


def test_what_has_no_end_of_line_is_out_with_the_result(tmp_path):
    lines = lines_of(tmp_path, program("pool.map(say, range(COUNT))", """
        def say(i):
            sys.stdout.write("x")
            sys.stdout.buffer.write(b"y")
    """))
    counts = collections.Counter("".join(lines).replace("before", "").replace("behind", ""))
    assert counts == {"x": COUNT, "y": COUNT}


def test_long_lines(tmp_path):
    lines = lines_of(tmp_path, program("pool.map(say, range(COUNT // 10))", """
        def say(i):
            print(str(i % 10) * 30_000)
    """))
    assert sorted(map(len, lines)) == [6, 6] + [30_000] * (COUNT // 10)
    assert all(len(set(line)) == 1 for line in lines if len(line) > 6)


def test_the_initializer_and_the_leaving_worker_print(tmp_path):
    lines = lines_of(tmp_path, textwrap.dedent("""
        import haid, atexit, multiprocessing.util as util
        def begin():
            print("begin")
            util.Finalize(None, print, args=("end",), exitpriority=1)
        with haid.Pool(3, begin) as pool:
            assert pool.map(abs, range(9)) == list(range(9))
            pool.close()
            pool.join()
    """))
    assert sorted(lines) == ["begin"] * 3 + ["end"] * 3


@pytest.mark.parametrize("shell", ["{} >&-", "{} 2>&-", "{} <&- >&- 2>&-"])
def test_streams_that_are_closed(tmp_path, shell):
    source = textwrap.dedent("""
        import haid, os
        def say(i):
            print("lost")
            return i
        for _ in range(2):
            with haid.Pool(2) as pool:
                assert pool.map(say, range(100)) == list(range(100))
                assert pool.map_async(say, range(100), callback=id).get() == list(range(100))
        open("done", "w")
    """)
    with Script(tmp_path, source, shell=shell) as script:
        status, _, errors = script.end()
        assert (status, errors) == (0, "")
        assert (tmp_path / "done").exists()
        script.expect_nothing_left()


CLOSED = [
    "sys.stdout.close()",
    "sys.stdout = None",
    "os.close(1)",
    "sys.stdout = io.StringIO()",
]


@pytest.mark.parametrize("close", CLOSED)
def test_stdout_that_the_program_has_closed(tmp_path, close):
    source = textwrap.dedent(f"""
        import haid, io, os, sys
        {close}
        with haid.Pool(2) as pool:
            assert pool.map(abs, range(100)) == list(range(100))
        open("done", "w")
        os._exit(0)
    """)
    with Script(tmp_path, source) as script:
        assert script.end() == (0, "", "")
        script.expect_nothing_left()
    assert (tmp_path / "done").exists()


def test_a_full_disk_is_told(tmp_path):
    with open("/dev/full", "w") as full, Script(tmp_path, program("pool.map(say, range(10))", """
        def say(i):
            print(i)
    """), stdout=full) as script:
        status, _, errors = script.end()
        assert status != 0 and "No space left" in errors
        script.expect_nothing_left()
