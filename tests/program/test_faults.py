"""Broken surroundings: a full disk, a reader that goes away, a kernel without calls, limits, odd descriptors."""

import hashlib
import os
import signal

import pytest

from support import log_entries, wait_for_line_in

MEGABYTE = 1_000_000


def with_small_disk(haid, script, size="1m"):
    """Runs a shell script with the program in $HAID_PROGRAM and a small file system, of its own, in the folder `disk`."""
    folder = haid.folder / "disk"
    folder.mkdir()
    before = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    mount = f"mount -t tmpfs -o size={size} none disk"
    probe = haid.run_command([*before, "bash", "-c", mount])
    if probe.status != 0:
        pytest.fail(f"cannot mount a small file system for this test: {probe.err.strip()}")
    return haid.run_command([*before, "bash", "-c", f"{mount} && {script}"], environment={"HAID_PROGRAM": haid.path})


def has_hash_of(data, *pieces):
    expected = hashlib.sha256()
    for piece in pieces:
        expected.update(piece)
    return hashlib.sha256(data).hexdigest() == expected.hexdigest()


# -- output that cannot be written


def test_a_reader_that_goes_away_ends_the_run_at_once_and_quietly(tidy_haid):
    process = tidy_haid.start("-j2", "echo {}; sleep 0.05", ":::", *range(2000))
    assert process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    result = tidy_haid.finish(process)
    assert result.status == 128 + signal.SIGPIPE
    assert "rror" not in result.err


def test_behind_head_long_jobs_are_ended(tidy_haid):
    script = f"{tidy_haid.path} -j2 'echo {{}}; case {{}} in 3) sleep 600;; esac' ::: 1 2 3 4 5 | head -n 1; echo ${{PIPESTATUS[0]}}"
    result = tidy_haid.run_command(["bash", "-c", script])
    assert result.lines[1] == "141"


@pytest.mark.parametrize("grouping", ["-k", "", "-u", "--lb", "--lb -k", "--tag"])
def test_behind_head_a_run_of_many_short_jobs_always_ends(tidy_haid, grouping):
    # Again and again, for what matters is how many jobs have ended when the reader goes away.
    script = f"{tidy_haid.path} {grouping} -j20 /bin/echo line ::: {{1..50}} | head -n 1; exit ${{PIPESTATUS[0]}}"
    for _ in range(30):
        result = tidy_haid.run_command(["bash", "-c", script], time_limit=10)
        assert len(result.lines) == 1 and "line" in result.lines[0]
        assert "error" not in result.err and "terminate" not in result.err
        if grouping != "-u":  # there the jobs themselves notice, and die of it
            assert (result.status, result.err) in [(0, ""), (128 + signal.SIGPIPE, "")]
        tidy_haid.wait_until_nothing_is_left()


@pytest.mark.parametrize("log", ["/dev/full", "log"])
def test_a_job_log_that_cannot_be_written_always_ends_the_run(tidy_haid, log):
    # /dev/full refuses the first line of the log; the limit on the size of files, that of one of the first jobs.
    job = "/bin/echo $(printf %0300d 1)"
    script = f"ulimit -f 1; exec {tidy_haid.path} -j20 --joblog {log} {job} ::: {{1..50}}"
    for _ in range(15):
        result = tidy_haid.run_command(["bash", "-c", script], time_limit=10)
        assert result.status == 255
        assert f"cannot write the job log '{log}'" in result.err and result.err.count("error") == 1
        assert ("File too large" if log == "log" else "No space left on device") in result.err
        tidy_haid.wait_until_nothing_is_left()


@pytest.mark.parametrize("more, what", [([], "standard output"), (["--joblog", "log"], "job log 'log'")])
def test_a_file_that_may_not_become_longer_is_an_error_of_haid_and_the_end_of_a_job(tidy_haid, more, what):
    with (tidy_haid.folder / "out").open("wb") as out:
        result = tidy_haid.run(*more, "echo", ":::", "1", "2", before=["prlimit", "--fsize=0"], stdout=out)
    assert result.status == 255
    assert f"cannot write the {what}" in result.err or f"cannot write to {what}" in result.err
    assert "File too large" in result.err
    with (tidy_haid.folder / "errors").open("wb") as errors:
        result = tidy_haid.run(*more, "echo", ":::", "1", "2", before=["prlimit", "--fsize=0"], stdout=errors, stderr=errors)
    assert result.status == 255, "nobody can be told, and it ends as it would"
    result = tidy_haid.run("--joblog", "/dev/stderr", "head -c 2000 /dev/zero > file", ":::", "1", before=["prlimit", "--fsize=1000"])
    assert "\t0\t25\t" in result.err or "\t153\t0\t" in result.err


def test_what_is_submitted_and_cannot_be_written_is_told_in_one_sentence(tidy_haid):
    tidy_haid.file("bin/sbatch", "#!/bin/sh\necho called >> $HOME/calls\n", mode=0o755)
    tidy_haid.file("setup", "true\n")
    tidy_haid.file("commands", "true\n")
    tidy_haid.environment |= {"PATH": f"{tidy_haid.folder}/bin:/usr/bin:/bin", "HAID_RUN_FOLDER": str(tidy_haid.folder / "kept")}
    for options, what in (([], "the input to '"), (["--prologue", "setup"], "a temporary file")):
        with (tidy_haid.folder / "commands").open("rb") as commands:
            result = tidy_haid.run("submit", *options, "--", before=["prlimit", "--fsize=0"], stdin=commands)
        assert result.status == 255
        assert f"haid: error: cannot write {what}" in result.err and "File too large" in result.err
    result = tidy_haid.run("submit", "--", "true", ":::", "1", before=["prlimit", "--fsize=0"])
    assert result.status == 255
    assert "haid: error: cannot write '" in result.err and "script': File too large" in result.err
    assert not (tidy_haid.folder / "home/calls").exists()


def test_standard_output_on_a_full_device_is_a_loud_error(tidy_haid):
    with open("/dev/full", "wb") as full:
        result = tidy_haid.run("-j2", "--joblog", "log", "echo {}; sleep 0.1", ":::", *range(50), stdout=full)
    assert result.status == 255
    assert "cannot write to standard output" in result.err
    assert "No space left on device" in result.err
    assert len(log_entries(tidy_haid.folder / "log")) == 0


def test_closed_standard_output_is_a_loud_error(tidy_haid):
    result = tidy_haid.run_command(["bash", "-c", f"exec {tidy_haid.path} echo ::: 1 2 >&-"])
    assert result.status == 255
    assert "standard output" in result.err


def test_output_that_does_not_fit_on_the_temporary_disk_is_a_loud_error(haid):
    job = "'head -c 60000000 /dev/zero; sleep {}'"
    result = with_small_disk(haid, f"TMPDIR=$PWD/disk $HAID_PROGRAM -j2 --joblog log {job} ::: 0 600 | wc -c; exit ${{PIPESTATUS[0]}}")
    assert result.status == 255
    assert "No space left on device" in result.err
    assert "disk" in result.err
    assert all(int(entry["Receive"]) == 60 * MEGABYTE for entry in log_entries(haid.folder / "log"))
    haid.wait_until_nothing_is_left()


def test_a_job_log_on_a_full_disk_is_a_loud_error_and_keeps_whole_lines(haid):
    script = "seq 100000 | $HAID_PROGRAM -j2 --joblog disk/log /bin/true {} $(printf %2000d 1); status=$?; cp disk/log .; exit $status"
    result = with_small_disk(haid, script, size="64k")
    assert result.status == 255
    assert "cannot write the job log 'disk/log'" in result.err and "No space left on device" in result.err
    text = (haid.folder / "log").read_text()
    assert text.endswith("\n")
    assert all(entry["Seq"].isdigit() and entry["Command"] for entry in log_entries(haid.folder / "log"))
    haid.wait_until_nothing_is_left()


def test_results_that_do_not_fit_on_the_disk_are_a_loud_error(haid):
    result = with_small_disk(haid, "$HAID_PROGRAM --results disk/out 'head -c 5000000 /dev/zero #{}' ::: 1")
    assert result.status == 255
    assert "disk/out" in result.err and "No space left on device" in result.err


# -- input that cannot be read


@pytest.mark.parametrize("arguments", [["echo", "::::", "folder"], ["-a", "folder", "echo"], ["echo", ":::", "1", "::::", "folder"]])
def test_a_folder_as_input_is_a_clear_error(tidy_haid, arguments):
    (tidy_haid.folder / "folder").mkdir()
    result = tidy_haid.run(*arguments)
    assert (result.status, result.out) == (255, "")
    assert "'folder'" in result.err and "is a folder" in result.err


def test_a_folder_as_standard_input_is_a_clear_error(tidy_haid):
    folder = os.open(tidy_haid.folder, os.O_RDONLY)
    result = tidy_haid.run("echo", stdin=folder)
    os.close(folder)
    assert result.status == 255
    assert "Is a directory" in result.err or "is a folder" in result.err


def test_closed_standard_input_is_a_clear_error(tidy_haid):
    result = tidy_haid.run_command(["bash", "-c", f"exec {tidy_haid.path} echo <&-"])
    assert result.status == 255
    assert "standard input is closed" in result.err


def test_jobs_run_with_all_three_standard_descriptors_though_standard_input_is_closed(tidy_haid):
    result = tidy_haid.run_command(["bash", "-c", f"exec {tidy_haid.path} 'readlink /proc/self/fd/0; echo {{}}' ::: 1 <&-"])
    assert (result.status, result.lines) == (0, ["/dev/null", "1"])


def test_a_command_that_does_not_exist_has_status_127_in_the_log_and_a_word_on_stderr(tidy_haid):
    result = tidy_haid.run("--joblog", "log", "no_such_command_at_all", ":::", "1")
    assert result.status == 1
    assert "no_such_command_at_all: command not found" in result.err
    entry = log_entries(tidy_haid.folder / "log")[0]
    assert (entry["Exitval"], entry["Signal"], entry["Command"]) == ("127", "0", "no_such_command_at_all 1")


def test_a_command_that_is_not_executable_has_status_126(tidy_haid):
    tidy_haid.file("data", "text\n", mode=0o644)
    result = tidy_haid.run("--joblog", "log", "./data", ":::", "1")
    assert result.status == 1
    assert "Permission denied" in result.err
    assert log_entries(tidy_haid.folder / "log")[0]["Exitval"] == "126"


def test_nul_bytes_in_the_input_do_not_cut_it(tidy_haid):
    result = tidy_haid.run("-k", "printf %s\\\\n", input=b"a\0b\nc\n")
    assert (result.status, result.lines) == (0, ["a\\0b", "c"])


def test_an_enormous_line_is_an_error_that_names_it_after_the_earlier_jobs(tidy_haid):
    text = b"one\ntwo\n" + b"x" * (10 * MEGABYTE) + b"\nfour\n"
    result = tidy_haid.run("-k", "--joblog", "log", "echo", input=text)
    assert result.status == 255
    assert result.lines == ["one", "two"]
    assert "line 3 of standard input" in result.err
    assert len(log_entries(tidy_haid.folder / "log")) == 2


def test_a_line_too_long_for_a_command_is_an_error_that_names_it(tidy_haid):
    result = tidy_haid.run("-k", "echo", input=b"one\n" + b"x" * 200_000 + b"\nthree\n")
    assert (result.status, result.lines) == (255, ["one"])
    assert "line 2 of standard input" in result.err


# -- little of everything


@pytest.mark.parametrize("kind", ["", "-S "])
def test_with_few_descriptors_all_jobs_are_done(tidy_haid, kind):
    script = f"ulimit {kind}-n 64; exec {tidy_haid.path} -j200 --joblog log 'sleep 0.1; echo {{}}; ulimit -n' ::: {{1..500}}"
    result = tidy_haid.run_command(["bash", "-c", script])
    assert result.status == 0
    assert sorted(int(line) for line in result.lines[::2]) == list(range(1, 501))
    assert set(result.lines[1::2]) == {"64"}, "the jobs' own limit is the one that was inherited"
    assert len(log_entries(tidy_haid.folder / "log")) == 500


@pytest.mark.parametrize("call", ["pidfd_open", "clone3", "close_range"])
def test_on_an_older_kernel_everything_works(tidy_haid, without_syscall, call):
    result = tidy_haid.run("-k", "-j4", "--joblog", "log", "sh -c 'echo {}; exit {}'", ":::", 0, 1, 2, before=without_syscall(call, "ENOSYS"))
    assert (result.status, result.lines) == (2, ["0", "1", "2"])
    assert len(log_entries(tidy_haid.folder / "log")) == 3


def test_on_an_older_kernel_killing_the_program_ends_its_jobs(tidy_haid, without_syscall):
    job = "sleep 600 & echo {} >> started; sleep 600"
    process = tidy_haid.start("-j2", job, ":::", 1, 2, before=without_syscall("close_range", "ENOSYS"))
    wait_for_line_in(tidy_haid.folder / "started", 2)
    process.kill()
    tidy_haid.wait_until_nothing_is_left()


@pytest.mark.parametrize("call", ["clone", "setsid"])
def test_a_machine_that_refuses_processes_is_a_clear_error_and_no_hang(tidy_haid, without_syscall, call):
    # A leak sanitizer needs to clone as well.
    before = ["env", "ASAN_OPTIONS=detect_leaks=0", *without_syscall(call, "EAGAIN")]
    result = tidy_haid.run("-j2", "--joblog", "log", "/bin/echo", ":::", 1, 2, before=before)
    if call == "setsid":  # only the guard needs it
        assert (result.status, sorted(result.lines)) == (0, ["1", "2"])
        return
    assert result.status == 255
    assert "cannot start" in result.err
    assert log_entries(tidy_haid.folder / "log") == []


def test_a_limit_on_processes_is_waited_for(tidy_haid):
    if os.geteuid() != 0:
        pytest.skip("needs another user to be limited as")
    for path in (tidy_haid.folder, tidy_haid.folder / "tmp", tidy_haid.folder / "home"):
        path.chmod(0o777)
    user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    # Folders above the program may be closed to others: it is opened beforehand.
    script = "ulimit -u 12; exec /proc/self/fd/9 -j50 --joblog log sleep 0.1{} ::: {1..100}"
    outer = f"exec 9<{tidy_haid.path}; exec {' '.join(user)} bash -c '{script}'"
    result = tidy_haid.run_command(["bash", "-c", outer])
    assert (result.status, result.err) == (0, "")
    assert len(log_entries(tidy_haid.folder / "log")) == 100


@pytest.mark.parametrize("call", ["splice", "sendfile"])
@pytest.mark.parametrize("error", ["EINVAL", "ENOSYS"])
def test_without_copying_in_the_kernel_much_output_arrives_whole(tidy_haid, without_syscall, call, error):
    job = "head -c 50000000 /dev/zero | tr '\\0' {}"
    result = tidy_haid.run("-k", "-j2", job, ":::", "a", "b", before=without_syscall(call, error))
    assert result.status == 0
    assert has_hash_of(result.output, b"a" * 50 * MEGABYTE, b"b" * 50 * MEGABYTE)


@pytest.mark.parametrize("slots", ["-j1", "-j4", "-j0"])
def test_on_one_cpu_everything_works(tidy_haid, slots):
    cpu = str(min(os.sched_getaffinity(0)))
    result = tidy_haid.run(slots, "-k", "echo {}; echo $HAID_CPUS", ":::", *range(50), before=["taskset", "-c", cpu])
    assert result.status == 0
    assert result.lines == [line for number in range(50) for line in (str(number), "1")]


def test_zero_slots_means_all_jobs_at_once(tidy_haid):
    job = "echo {} >> started; while [ ! -e go ]; do sleep 0.05; done"
    process = tidy_haid.start("-j0", job, ":::", *range(60))
    wait_for_line_in(tidy_haid.folder / "started", 60)
    (tidy_haid.folder / "go").touch()
    assert tidy_haid.finish(process).status == 0
