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
    assert (lab.shared / "begun").read_text().count("begun") == 1 + len(re.findall(
        r"^haid: requeued: this Slurm job goes back into the queue, .* \([1-7] job\(s\) have ended", out, re.M)) >= 2, out
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


def test_an_element_of_an_array_is_a_job_of_its_own(lab, haid):
    """The last one has the number of the whole array: its limit is seen, and what is put back into the queue is it alone."""
    script = ("if [ $SLURM_ARRAY_TASK_ID = 1 ]; then echo begun >> neighbour; until [ -e go ]; do sleep 0.1; done; "
              "echo ended >> neighbour; exit; fi\n"
              f"{haid} -j1 --nodes local --time-per-job 46 --until-done --joblog log 'sleep 2; : {{}}' ::: $(seq 30); "
              "echo status $?\n")
    job = lab.submit(script, "-N1", "--array=1-2", "--time=1", "--requeue", f"--output={lab.shared}/out.%a")

    def state(element):
        return lab.run("squeue", "-h", "-t", "all", "-j", f"{job.number}_{element}", "-o", "%T").stdout.strip()
    lab._until(lambda: (lab.shared / "out.2").exists() and state(2) == "PENDING", "it has not been put back", 60)
    out = (lab.shared / "out.2").read_text()
    assert "the time is up" in out and "haid: error" not in out
    assert state(1) == "RUNNING" and (lab.shared / "neighbour").read_text() == "begun\n"
    (lab.shared / "go").touch()
    lab._until(lambda: state(1) == "COMPLETED", "the other one has not ended")
    assert (lab.shared / "neighbour").read_text() == "begun\nended\n" and 1 <= len(log_of(lab)) < 30


@pytest.mark.parametrize("setting", ["SLURM_TIME_FORMAT=relative", "SQUEUE_STATES=PENDING",
                                     "SLURM_ARRAY_JOB_ID=777 SLURM_ARRAY_TASK_ID=1"])
def test_the_limit_is_seen_whatever_the_environment_says(lab, haid, setting):
    out = lab.submit(f"export {setting}; {haid} --nodes local --time-per-job 100 echo ran ::: 1; echo status $?",
                     "-N1", "--time=1").wait()
    assert "the time is up" in out and out.endswith("status 124\n") and "ran" not in out


def test_the_limit_of_a_heterogeneous_job_is_seen(lab, haid):
    line = f"{haid} --nodes local --time-per-job 100 echo ran ::: 1; echo status $?"
    job = lab.submit(f"#SBATCH hetjob\n#SBATCH -N2\n{line}", "-N1", "--time=1")
    job.until(lambda: "status" in job.output())
    assert "the time is up" in job.output() and job.output().endswith("status 124\n")
