"""What flows through: odd kinds of standard output, slow readers, much output, slow input."""

import hashlib
import os
import socket
import subprocess

import pytest

from support import log_entries, peak_memory_kib, wait_for_line_in, wait_until, whole_lines

MEGABYTE = 1_000_000
EVERY_BYTE = bytes(range(256))


def read_all(descriptor):
    pieces = []
    while piece := os.read(descriptor, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def test_standard_output_may_be_a_socket(tidy_haid):
    ours, theirs = socket.socketpair()
    process = tidy_haid.start("-k", "head -c 3000000 /dev/zero | tr '\\0' {}", ":::", "a", "b", stdout=theirs)
    theirs.close()
    data = read_all(ours.fileno())
    ours.close()
    assert tidy_haid.finish(process).status == 0
    assert data == b"a" * 3 * MEGABYTE + b"b" * 3 * MEGABYTE


def test_standard_output_may_be_a_non_blocking_pipe_that_stays_so(tidy_haid):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    process = tidy_haid.start("-k", "head -c 3000000 /dev/zero | tr '\\0' {}", ":::", "a", "b", stdout=writer)
    wait_until(lambda: process.poll() is None, "it runs")
    assert not os.get_blocking(writer)
    os.close(writer)
    data = read_all(reader)
    os.close(reader)
    assert tidy_haid.finish(process).status == 0
    assert data == b"a" * 3 * MEGABYTE + b"b" * 3 * MEGABYTE


def test_a_blocking_pipe_is_not_made_non_blocking_for_those_who_share_it(tidy_haid):
    reader, writer = os.pipe()
    process = tidy_haid.start("-j1", "echo {} >> started; while [ ! -e go ]; do sleep 0.02; done; echo {}", ":::", "1", stdout=writer)
    wait_for_line_in(tidy_haid.folder / "started")
    assert os.get_blocking(writer)
    (tidy_haid.folder / "go").touch()
    os.close(writer)
    assert read_all(reader) == b"1\n"
    os.close(reader)
    assert tidy_haid.finish(process).status == 0


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_standard_output_may_be_a_file_and_is_not_overwritten_at_its_start(tidy_haid, mode):
    path = tidy_haid.file("out", "before\n")
    with path.open("r+b" if mode == "wb" else mode) as file:
        file.seek(0, os.SEEK_END)
        result = tidy_haid.run("-k", "head -c 40000000 /dev/zero | tr '\\0' {}", ":::", "a", "b", stdout=file)
    assert result.status == 0
    assert path.read_bytes() == b"before\n" + b"a" * 40 * MEGABYTE + b"b" * 40 * MEGABYTE


@pytest.mark.memory
def test_a_slow_reader_of_ordered_output_does_not_cost_memory(tidy_haid):
    # The first job ends last, so that everything waits; then nobody reads.
    job = "[ {} = 1 ] && while [ ! -e go ]; do sleep 0.02; done; head -c 20000000 /dev/zero; echo {} >> done"
    process = tidy_haid.start("-k", "-j3", job, ":::", *range(1, 16))
    wait_for_line_in(tidy_haid.folder / "done", 5)
    (tidy_haid.folder / "go").touch()
    wait_until(lambda: "1" in whole_lines(tidy_haid.folder / "done"), "the first job has ended")
    size, peak = 0, peak_memory_kib(process.pid)
    while size < 300 * MEGABYTE and (piece := process.stdout.read(1 << 20)):
        size += len(piece)
        peak = peak_memory_kib(process.pid) or peak
    assert peak < 100 * 1024, f"{peak} KiB"
    rest = tidy_haid.finish(process)
    assert rest.status == 0
    assert size + len(rest.output) == 15 * 20 * MEGABYTE


@pytest.mark.memory
def test_a_slow_reader_of_line_buffered_output_makes_the_jobs_wait(tidy_haid):
    process = tidy_haid.start("--lb", "-j2", "yes {} | head -c 200000000", ":::", "1", "2")
    wait_until(lambda: len(tidy_haid.alive_as("yes ")) == 2, "the jobs write")
    process.stdout.read(MEGABYTE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    assert peak_memory_kib(process.pid) < 100 * 1024
    process.stdout.close()
    process.stdout = None
    assert tidy_haid.finish(process).status == 141


@pytest.mark.memory
def test_much_output_of_one_job_goes_through_the_temporary_folder_and_arrives_whole(tidy_haid):
    command = tidy_haid.command(["--joblog", "log", "yes {} | head -c 200000000", ":::", "line"])
    process = tidy_haid.start_command(command, stdout=subprocess.PIPE)
    found, size, peak = hashlib.sha256(), 0, 0
    while piece := process.stdout.read(1 << 20):
        found.update(piece)
        size += len(piece)
        peak = peak_memory_kib(process.pid) or peak
    assert process.wait(30) == 0
    assert size == 200 * MEGABYTE
    assert found.hexdigest() == hashlib.sha256(b"line\n" * (40 * MEGABYTE)).hexdigest()
    assert log_entries(tidy_haid.folder / "log")[0]["Receive"] == "200000000"
    assert peak < 100 * 1024, f"{peak} KiB"


@pytest.mark.parametrize("options", [["-k"], ["--lb", "-k"], ["-u"], ["--tag"], ["-j1"]])
def test_binary_output_is_not_changed(tidy_haid, options):
    data = EVERY_BYTE.replace(b"\n", b"").replace(b"\r", b"") * 100 + b"\n"
    tidy_haid.file("data", data)
    result = tidy_haid.run(*options, "cat", ":::", "data")
    assert result.status == 0
    assert result.output == (b"data\t" if "--tag" in options else b"") + data


def test_binary_output_without_an_end_of_line_is_not_changed(tidy_haid):
    tidy_haid.file("data", EVERY_BYTE * 1000)
    result = tidy_haid.run("-k", "cat data; cat data >&2; true", ":::", "1", "2")
    assert result.output == EVERY_BYTE * 2000
    assert result.err.encode(errors="surrogateescape") == EVERY_BYTE * 2000


def test_jobs_start_as_their_inputs_arrive_while_earlier_ones_run(tidy_haid):
    job = "echo {} >> started; while [ ! -e go ]; do sleep 0.02; done; echo {}"
    process = tidy_haid.start("-k", "-j8", job, stdin=subprocess.PIPE)
    for number in range(1, 5):
        process.stdin.write(f"{number}\n".encode())
        process.stdin.flush()
        wait_for_line_in(tidy_haid.folder / "started", number)
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).lines == ["1", "2", "3", "4"]


def test_output_appears_while_the_input_is_still_open(tidy_haid):
    process = tidy_haid.start("echo", stdin=subprocess.PIPE)
    for text in (b"one\n", b"two\n"):
        process.stdin.write(text)
        process.stdin.flush()
        assert process.stdout.readline() == text
    process.stdin.write(b"half of ")
    process.stdin.flush()
    process.stdin.write(b"a line")
    assert tidy_haid.finish(process).out == "half of a line\n"


def test_waiting_for_input_uses_no_processor_time(tidy_haid):
    process = tidy_haid.start("echo", stdin=subprocess.PIPE)
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"one\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.stdin.close()
    process.stdin = None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert status == 0
    assert usage.ru_utime + usage.ru_stime < 0.5


def test_a_named_pipe_as_input_is_read_as_it_fills(tidy_haid):
    pipe = tidy_haid.folder / "pipe"
    os.mkfifo(pipe)
    process = tidy_haid.start("echo", "::::", "pipe")
    with pipe.open("wb", buffering=0) as writer:
        writer.write(b"one\n")
        assert process.stdout.readline() == b"one\n"
        writer.write(b"two\n")
    assert tidy_haid.finish(process).lines == ["two"]
