"""The time limit of a Slurm job: what cannot end in time is not started, and goes on another time."""
import re

import pytest
from test_allocation import log_of


def test_nothing_is_started_that_cannot_end_and_what_runs_is_ended(lab, haid):
    script = (f"seq 100 | {haid} -j1 --time-per-job 46 --joblog early 'sleep 1; true {{}}'; echo first $?\n"
              f"seq 6 | {haid} -j2 --joblog late 'trap \"echo told {{}} >> told\" TERM; sleep 1 & wait; "
              "[ {} -gt 2 ] || exit; sleep 100 & wait'; echo second $?\n")
    out = lab.submit(script, "-N2", "--time=1").wait(100)
    assert re.findall(r"^(first|second) (\d+)$", out, re.M) == [("first", "124"), ("second", "124")], out
    assert out.count("the time is up") == 2 and "--resume goes on" in out
    early, late = log_of(lab, "early"), log_of(lab, "late")
    assert 1 <= len(early) < 30
    assert sorted(late) == [1, 2]
    assert sorted((lab.shared / "told").read_text().split()[1::2]) == ["3", "4", "5", "6"]


@pytest.mark.timeout(400)
def test_until_done(lab, haid):
    """A job of a minute that needs more: Slurm runs it as often as it takes, and each of its jobs ends once."""
    script = (f"echo begun >> begun; seq 7 | {haid} -j1 --time-per-job 30 --until-done --joblog log "
              "'sleep 9; echo {} >> ended'; echo status $?\n")
    job = lab.submit(script, "-N2", "--time=1", "--requeue", "--open-mode=append")
    out = job.wait(300)
    assert (lab.shared / "begun").read_text().count("begun") >= 2, out
    assert sorted(map(int, (lab.shared / "ended").read_text().split())) == list(range(1, 8))
    assert sorted(log_of(lab)) == list(range(1, 8)) and out.rstrip().endswith("status 0")


def test_until_done_where_slurm_does_not_requeue(lab, haid):
    """The run says so and has the status of one whose time is up; a new job finishes the rest from the log."""
    def line(more):
        return (f"echo begun >> begun; seq 9 | {haid} -j1 {more} --joblog log 'sleep 4; echo {{}} >> ended'; "
                "echo status $?\n")
    first = lab.submit(line("--time-per-job 40 --until-done"), "-N2", "--time=1", "--no-requeue")
    out = first.wait(90)
    assert "cannot requeue this Slurm job: Requested operation is presently disabled" in out
    assert out.rstrip().endswith("status 124")
    early = log_of(lab)
    assert 1 <= len(early) < 9 and first.state() == "COMPLETED"
    out = lab.submit(line("--resume"), "-N2").wait(90)
    assert out == "status 0\n"
    assert (lab.shared / "begun").read_text() == "begun\n" * 2
    assert sorted(map(int, (lab.shared / "ended").read_text().split())) == list(range(1, 10))
    log = log_of(lab)
    assert sorted(log) == list(range(1, 10)) and all(log[number] == row for number, row in early.items())
    assert len((lab.shared / "log").read_text().splitlines()) == 10, "a job is in the log twice"


def test_until_done_needs_a_log(lab, haid):
    refused = lab.run(haid, "--until-done", "echo", ":::", "1", check=False)
    assert refused.returncode == 255 and "--joblog" in refused.stderr
