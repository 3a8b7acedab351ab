"""haid.run: many commands, with what became of each."""
import os
import pathlib
import signal
import subprocess
import sys
import time

import haid
import pytest


def test_outcomes_come_in_the_order_of_the_commands():
    outcomes = haid.run(["sleep 0.2; echo first", "echo second >&2; exit 3", "kill -9 $$"])
    assert [one.number for one in outcomes] == [0, 1, 2]
    assert [one.exit_code for one in outcomes] == [0, 3, -9]
    assert outcomes[0].stdout == "first\n" and outcomes[0].ok and outcomes[0].seconds >= 0.2
    assert outcomes[1].stderr == "second\n" and not outcomes[1].ok
    assert abs(outcomes[0].started - time.time()) < 3600


def test_words_are_taken_as_they_are(tmp_path):
    words = ["a b", "$HOME", "*", "'", '"', "line\nline", "", "é"]
    outcome, = haid.run([["printf", "%s|", *words]])
    assert outcome.stdout == "".join(word + "|" for word in words)
    assert haid.run([["ls", pathlib.Path(tmp_path)]])[0].ok


def test_bytes_that_are_no_text_can_be_had_back():
    outcome, = haid.run(["printf '\\377\\001'"])
    assert os.fsencode(outcome.stdout) == b"\xff\x01"


@pytest.mark.parametrize("commands", ["echo a", b"echo a", pathlib.Path("ls")])
def test_one_command_is_no_list(commands):
    """Its letters would be the commands."""
    with pytest.raises(TypeError, match=r"list of commands.*haid\.run\(\["):
        haid.run(commands)


def test_bytes_are_no_command():
    with pytest.raises(TypeError, match="fsdecode"):
        haid.run([b"echo a"])


def test_no_commands_no_outcomes():
    assert haid.run([]) == []


def test_at_most_so_many_at_a_time():
    began = time.monotonic()
    haid.run(["sleep 0.2"] * 3, jobs=1)
    assert time.monotonic() - began >= 0.6


def test_time_limits_and_retries(tmp_path):
    assert haid.run(["sleep 60"], timeout=0.2)[0].exit_code < 0
    count = tmp_path / "count"
    outcome, = haid.run([f"echo x >> {count}; test $(wc -l < {count}) -ge 3"], retries=2)
    assert outcome.ok and count.read_text() == "x\n" * 3


def test_check_raises_with_all_outcomes():
    with pytest.raises(haid.CommandsFailed, match="1 of 2 commands failed, the first with 4: exit 4") as raised:
        haid.run(["true", "exit 4"], check=True)
    assert len(raised.value.outcomes) == 2


def test_a_log_is_resumed(tmp_path):
    log, ran = tmp_path / "log", tmp_path / "ran"
    commands = [f"echo {number} >> {ran}" for number in range(3)]
    assert len(haid.run(commands[:2], joblog=log, jobs=1)) == 2
    assert [one.number for one in haid.run(commands, joblog=log, resume=True)] == [2]
    assert ran.read_text().split() == ["0", "1", "2"]


@pytest.mark.parametrize("commands, message", [([""], "empty"), (["a\0b"], "null"), ([[]], "empty")])
def test_commands_that_are_none_are_refused(commands, message):
    with pytest.raises(ValueError, match=message):
        haid.run(commands)


def test_the_programs_own_complaints_are_raised():
    with pytest.raises(OSError, match="timeout"):
        haid.run(["true"], timeout="soon")


def test_an_interrupt_ends_the_commands(tmp_path):
    pids = tmp_path / "pids"
    script = f"import haid; haid.run(['echo $$ >> {pids}; exec sleep 60'] * 2, jobs=2)"
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, start_new_session=True)
    while not pids.exists() or len(pids.read_text().split()) < 2:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in child.communicate()[1]
    for pid in pids.read_text().split():
        while pathlib.Path(f"/proc/{pid}").exists():
            time.sleep(0.01)


def test_the_program_comes_with_the_package():
    done = subprocess.run([sys.executable, "-c", "import haid._run; haid._run.main()", "--version"], capture_output=True,
                          text=True, check=True)
    assert done.stdout.startswith("haid ")
