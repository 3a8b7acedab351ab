"""Inputs: very many of them, and of every kind of byte."""

import os
import signal
import subprocess
import time
from collections import Counter

import pytest

from support import log_entries, peak_memory_kib, wait_for_line_in

MOST_KIB = 16 * 1024
MANY = 10_000_000


def run_measured(haid, command, **options):
    """The output's last bytes, its number of lines, the exit status and the peak of memory in KiB."""
    process = haid.start_command(command, stdout=subprocess.PIPE, **options)
    lines, end, peak = 0, b"", 0
    # What wait4 says of memory would include this process as it was when it forked.
    while piece := os.read(process.stdout.fileno(), 1 << 16):
        lines += piece.count(b"\n")
        end = (end + piece)[-4096:]
        peak = peak_memory_kib(process.pid) or peak
    return end, lines, haid.finish(process).status, peak


def count_up_to(haid, number):
    return haid.start_command(["seq", str(number)], stdout=subprocess.PIPE)


@pytest.mark.memory
def test_ten_million_lines_from_a_pipe_need_little_memory(tidy_haid):
    source = count_up_to(tidy_haid, MANY)
    peak = 0
    with (tidy_haid.folder / "output").open("w+b") as output:
        process = tidy_haid.start("-n", "10000", "--dry-run", ":", stdin=source.stdout, stdout=output)
        while process.poll() is None:
            peak = peak_memory_kib(process.pid) or peak
            time.sleep(0.01)
        output.seek(-20, os.SEEK_END)
        assert output.read().endswith(b" 9999999 10000000\n")
    assert tidy_haid.finish(process).status == 0
    assert 0 < peak <= MOST_KIB, f"{peak} KiB"


@pytest.mark.memory
def test_a_reader_that_does_not_read_keeps_input_waiting_instead_of_filling_memory(tidy_haid):
    source = count_up_to(tidy_haid, MANY)
    process = tidy_haid.start("-n", "10000", "--dry-run", ":", stdin=source.stdout)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    peak = peak_memory_kib(process.pid)
    assert tidy_haid.finish(process).out.endswith(" 9999999 10000000\n")
    # What all jobs together may have in memory (32 MiB), and the program itself.
    assert peak <= 48 * 1024, f"{peak} KiB"


@pytest.mark.memory
def test_ten_million_lines_of_a_file_need_little_memory_while_jobs_run(tidy_haid):
    with (tidy_haid.folder / "inputs").open("wb") as file:
        tidy_haid.run_command(["seq", str(MANY)], stdout=file)
    command = tidy_haid.command(["-k", "-n", "10000", "--joblog", "log", "/bin/echo {#}", "::::", "inputs"])
    _, lines, status, peak = run_measured(tidy_haid, command)
    assert (status, lines) == (0, MANY // 10000)
    assert len(log_entries(tidy_haid.folder / "log")) == MANY // 10000
    assert peak <= MOST_KIB, f"{peak} KiB"


@pytest.mark.memory
def test_a_product_of_sources_needs_little_memory(tidy_haid):
    command = tidy_haid.command(["-n", "10000", "--dry-run", ": {1}", ":::", *range(1000), ":::", *range(1000)])
    _, lines, status, peak = run_measured(tidy_haid, command)
    assert (status, lines) == (0, 100)
    assert peak <= MOST_KIB, f"{peak} KiB"


@pytest.mark.memory
def test_very_many_short_lines_become_jobs_in_their_order(tidy_haid):
    source = count_up_to(tidy_haid, 300_000)
    end, lines, status, peak = run_measured(tidy_haid, tidy_haid.command(["-k", "--dry-run", "echo"]), stdin=source.stdout)
    assert (status, lines) == (0, 300_000)
    assert end.endswith(b"echo 299999\necho 300000\n")
    assert peak <= MOST_KIB, f"{peak} KiB"


@pytest.mark.memory
def test_shuffled_inputs_need_little_memory(tidy_haid):
    source = count_up_to(tidy_haid, 300_000)
    command = tidy_haid.command(["--shuf", "-n", "1000", "--dry-run", ":"])
    _, lines, status, peak = run_measured(tidy_haid, command, stdin=source.stdout)
    assert (status, lines) == (0, 300)
    assert peak <= MOST_KIB, f"{peak} KiB"


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/dash"])
def test_every_byte_arrives_as_it_is(tidy_haid, shell):
    values = [bytes([byte]) for byte in range(1, 256)]
    values += [b"a" + value + b"z" for value in values] + [value + value for value in values]
    values += [bytes(range(1, 256)), b"-n", b"--", b"'\"'\"", b"$(exit 3)`exit 4`", b"{}", b"\\", b" lead", b"trail ", b"~", b"\xc3\xa4\xff"]
    result = tidy_haid.run("-k", "-0", "printf '<%s>\\0'", input=b"\0".join(values) + b"\0", environment={"PARALLEL_SHELL": shell})
    assert (result.status, result.err) == (0, "")
    assert result.output.split(b"\0")[:-1] == [b"<" + value + b">" for value in values]


def test_every_byte_arrives_as_it_is_without_a_shell(tidy_haid):
    values = [b"x" + bytes([byte]) for byte in range(1, 256)]
    result = tidy_haid.run("-k", "-0", "/usr/bin/printf <%s>\\\\0", input=b"\0".join(values))
    again = tidy_haid.run("-k", "-0", "-q", "/usr/bin/printf", "<%s>\\0", input=b"\0".join(values))
    assert again.status == 0
    assert again.output.split(b"\0")[:-1] == [b"<" + value + b">" for value in values]
    assert result.status != 0, "unquoted < and > are the shell's"


def test_every_byte_arrives_in_a_batch(tidy_haid):
    values = [b"v" + bytes([byte]) + b"w" for byte in range(1, 256)]
    result = tidy_haid.run("-0", "-m", "-j1", "printf '%s\\0'", input=b"\0".join(values) + b"\0")
    assert (result.status, result.err) == (0, "")
    assert result.output.split(b"\0")[:-1] == values


def test_an_empty_input_is_an_argument_and_can_be_left_out(tidy_haid):
    assert tidy_haid.run("-k", "printf '<%s>'", input=b"a\n\nb\n").out == "<a><><b>"
    assert tidy_haid.run("-k", "-r", "printf '<%s>'", input=b"a\n\nb\n").out == "<a><b>"


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "arguments, files, standard_input, lines",
    [
        ([], {}, MARK + b"echo a\necho b\n", ["a", "b"]),
        (["echo", "{1}{2}", "::::", "x", "::::+", "y"], {"x": MARK + b"a\nb\n", "y": MARK + b"1\n2\n"}, b"", ["a1", "b2"]),
        (["-a", "x", "--header", ":", "-C,", "echo {name} {n}"], {"x": MARK + b"name,n\nq,1\n"}, b"", ["q 1"]),
        (["echo"], {"home/.parallel/config": MARK + b"--tagstring t\n"}, b"a\n", ["t\ta"]),
        (["-j", "slots", "echo $HAID_CPUS {}"], {"slots": MARK + b"1\n"}, b"a\n", None),
        (["run", "x.of"], {"home/.config/haid/interpreters": MARK + b".of cat\n", "x.of": b"a\n"}, b"", ["a"]),
        (["--bar", "echo"], {}, MARK, []),
        (["echo"], {}, MARK + MARK + b"a\n" + MARK + b"b\n", ["\ufeffa", "\ufeffb"]),  # the first of a file is one, no other
        (["-0", "echo"], {}, MARK + b"a\0", ["\ufeffa"]),  # names of files, and no text
        (["echo"], {}, MARK[:2], ["\udcef\udcbb"]),
    ],
)
def test_a_byte_order_mark_is_no_part_of_what_a_file_says(tidy_haid, arguments, files, standard_input, lines):
    for name, content in files.items():
        tidy_haid.file(name, content)
    result = tidy_haid.run("-k", *arguments, input=standard_input) if arguments[:1] != ["run"] else tidy_haid.run(*arguments)
    assert result.status == 0, result
    if lines is not None:
        assert result.out.encode(errors="surrogateescape") == "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")


def test_a_byte_order_mark_may_come_in_pieces_and_a_short_input_does_not_wait_for_it(tidy_haid):
    process = tidy_haid.start("-u", "echo", stdin=subprocess.PIPE)
    for byte in MARK + b"a\n":
        process.stdin.write(bytes([byte]))
        process.stdin.flush()
        time.sleep(0.02)
    assert process.stdout.readline() == b"a\n", "while the input goes on"
    assert tidy_haid.finish(process, b"b\n").out == "b\n"
    process = tidy_haid.start("-u", "echo", stdin=subprocess.PIPE)
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"\n", "while the input goes on"
    assert tidy_haid.finish(process).status == 0


def test_no_input_at_all_runs_nothing(tidy_haid):
    result = tidy_haid.run("touch ran", input=b"")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert not (tidy_haid.folder / "ran").exists()


def test_shuffling_changes_the_order_and_nothing_else(tidy_haid):
    values = [str(number % 700) for number in range(1000)]
    result = tidy_haid.run("--shuf", "-k", "--dry-run", "echo {}", input="\n".join(values) + "\n")
    assert Counter(result.lines) == Counter(f"echo {value}" for value in values)
    assert result.lines != [f"echo {value}" for value in values]


def test_the_bar_counts_inputs_of_a_pipe(tidy_haid):
    result = tidy_haid.run("--bar", "-k", "echo", input="".join(f"{number}\n" for number in range(1, 8)))
    assert result.lines == [str(number) for number in range(1, 8)]
    assert "100% 7/7" in result.err


@pytest.mark.parametrize("option", ["--bar", "--eta"])
def test_the_bar_starts_what_has_come_and_counts_what_comes_later(tidy_haid, option):
    process = tidy_haid.start(option, "-j1", "echo {} >> ran", stdin=subprocess.PIPE)
    for number in range(1, 4):
        process.stdin.write(b"%d\n" % number)
        process.stdin.flush()
        wait_for_line_in(tidy_haid.folder / "ran", number)
    result = tidy_haid.finish(process, input="".join(f"{number}\n" for number in range(4, 10)))
    assert result.status == 0
    assert (tidy_haid.folder / "ran").read_text() == "".join(f"{number}\n" for number in range(1, 10))
    assert "9/9" in result.err


def test_the_bar_with_a_pipe_that_stays_open_can_be_interrupted(tidy_haid):
    process = tidy_haid.start("--bar", "echo", stdin=subprocess.PIPE)
    process.stdin.write(b"1\n")
    process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGINT)
    stdin, process.stdin = process.stdin, None
    assert tidy_haid.finish(process).status == 130
    stdin.close()


@pytest.mark.parametrize("option", ["-m", "-X", "--xargs", "-n 30000"])
@pytest.mark.parametrize("command", ["/bin/echo {}", "/bin/echo {} | cat"], ids=["without-a-shell", "with-a-shell"])
@pytest.mark.parametrize("variable", [0, 90_000], ids=["small-environment", "large-environment"])
def test_jobs_that_are_filled_stay_below_the_limit_of_arguments_and_environment(tidy_haid, option, command, variable):
    # 128 KiB for the words, their pointers and the environment, which one-letter words fill at a quarter of a line.
    line = f'ulimit -s 256; exec "$0" -j2 {option} "$1"'
    inputs = "x\n" * 60000
    large = {"LARGE": "v" * variable}
    result = tidy_haid.run_command(["sh", "-c", line, tidy_haid.path, command], input=inputs, environment=large)
    assert (result.status, result.err) == (0, "")
    assert result.out.split() == ["x"] * 60000
    # What fits is filled: 6 jobs, and 17 beside the large environment.
    assert len(result.out.splitlines()) < 25


def warnings_of(haid, arguments, data):
    result = haid.run("-k", *arguments, "true", input=data)
    assert result.status == 0
    return [line for line in result.err.splitlines() if "warning" in line]


def test_inputs_that_windows_wrote_are_told_once(tidy_haid):
    lines = b"a\r\nb\r\nc\r\nd\r\ne\r\nf\r\n"
    assert len(warnings_of(tidy_haid, [], lines)) == 1
    assert "-d '\\r\\n'" in warnings_of(tidy_haid, ["-n2", "--bar"], lines)[0]
    assert warnings_of(tidy_haid, ["-d", "\\r\\n"], lines) == []
    assert warnings_of(tidy_haid, ["-d", "\\n"], lines) == []
    assert warnings_of(tidy_haid, [], b"x\n" + lines) == []
    assert warnings_of(tidy_haid, [], b"a\r\nb\r\n") == []


def test_a_nul_in_the_inputs_is_told_once(tidy_haid):
    assert len(warnings_of(tidy_haid, [], b"a\0b\nc\0d\n")) == 1
    assert "-0" in warnings_of(tidy_haid, ["--shuf"], b"a\0b\n")[0]
    assert warnings_of(tidy_haid, ["-0"], b"a\0b\0") == []


@pytest.mark.memory
def test_what_is_counted_for_the_bar_comes_in_its_order_and_needs_little_memory(tidy_haid):
    command = tidy_haid.command(["--bar", "-k", "-n", "1000", "--dry-run", ":"])
    source = count_up_to(tidy_haid, 300_000)
    end, lines, status, peak = run_measured(tidy_haid, command, stdin=source.stdout, stderr=subprocess.DEVNULL)
    assert (status, lines) == (0, 300)
    assert end.endswith(b" 299999 300000\n")
    assert peak <= MOST_KIB, f"{peak} KiB"
