"""As many jobs as people bring."""
import collections

import pytest
from test_allocation import hosts, log_of

JOBS = 100_000


def not_once(numbers):
    """Of the jobs: those that are not there or there more than once, and whatever else is there."""
    count = collections.Counter(numbers)
    return [number for number in {*range(1, JOBS + 1), *count} if count[number] != 1]


@pytest.mark.timeout(600)
def test_each_of_100_000_jobs_is_accounted_for(lab, haid):
    """Printed once and logged once, on all nodes, and nothing is told that went wrong."""
    script = f"seq {JOBS} | {haid} --joblog log 'echo {{}}' > printed; echo status $?; touch ended\n"
    job = lab.submit(script, "-N3")
    # Slurm is asked when it is over: before that it would cost the jobs their CPUs.
    job.until((lab.shared / "ended").exists, 400)
    assert job.wait() == "status 0\n"
    assert not_once(map(int, (lab.shared / "printed").read_text().split())) == []
    lines = (lab.shared / "log").read_text().splitlines()[1:]
    assert not_once(int(line.split("\t")[0]) for line in lines) == []
    log = log_of(lab)
    assert [number for number, row in log.items() if row[6:] != ["0", "0", f"echo {number}"]] == []
    assert set(hosts(log)) == {"n1", "n2", "n3"}
