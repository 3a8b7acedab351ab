"""What goes wrong between nodes: no job is lost, none runs twice at the same time, none is logged twice."""
import collections
import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import time

import pytest
from lab import memory_groups
from test_allocation import log_of

# Each job writes when it began and when it ended, so that a test sees which ran and whether two did at the same time.
JOB = "echo begin $SLURMD_NODENAME $(date +%s.%N) >> ran.{}; sleep SECONDS; echo end $SLURMD_NODENAME $(date +%s.%N) >> ran.{}"

needs_memory_groups = pytest.mark.skipif(memory_groups() is None, reason="no groups of processes with a limit of memory here")

# On n2 it takes memory and stays until it may go.
MEMORY_OF_A_JOB = """\
import os, time
if os.environ["SLURMD_NODENAME"] == "n2":
    memory = b"x" * (250 << 20)
    while not os.path.exists("enough"):
        time.sleep(0.05)
"""


def start(lab, haid, jobs=12, seconds="1.5"):
    job = lab.submit(f"seq {jobs} | {haid} -j2 --joblog log '{JOB.replace('SECONDS', seconds)}'; echo status $?", "-N3",
                     "--no-kill")
    job.until(lambda: len(list(lab.shared.glob("ran.*"))) >= 4)
    return job


def check_each_ran(lab, jobs=12):
    log = log_of(lab)
    assert sorted(log) == list(range(1, jobs + 1))
    assert len((lab.shared / "log").read_text().splitlines()) == jobs + 1, "a job is in the log twice"
    for number in range(1, jobs + 1):
        lines = (lab.shared / f"ran.{number}").read_text().split("\n")[:-1]
        ends = [line for line in lines if line.startswith("end")]
        assert ends and ends[-1].split()[1] == log[number][1], lines
        # Begun elsewhere only after it had ended: of two, the first one's end (where it came to it) is before.
        ended = [float(line.split()[2]) for line in ends[:-1]]
        begun = [float(line.split()[2]) for line in lines if line.startswith("begin")]
        assert all(end < begun[-1] for end in ended), lines
    return log


def no_jobs_left(lab, names=("n1", "n2", "n3")):
    return not any(words[0] == "sleep" for name in names for _, words in lab.processes(name))


def test_an_agent_is_killed(lab, haid):
    job = start(lab, haid)
    os.kill(lab.agent("n2"), signal.SIGKILL)
    killed = time.monotonic()
    out = job.wait(60)
    assert "status 0" in out and "no connection to node n2" in out
    assert time.monotonic() - killed < 40
    check_each_ran(lab)


def test_a_job_that_takes_its_agent_down_is_given_up(lab, haid):
    """The second node that is lost with it counts as its failure; the others end on the third."""
    line = "case {} in 2) kill -9 $PPID; sleep 30;; esac; echo {} >> ran"
    job = lab.submit(f"seq 9 | {haid} -j1 --joblog log '{line}'; echo status $?", "-N3", "--no-kill")
    out = job.wait(90)
    assert "job 2 ran on two nodes that were lost" in out and "status 1\n" in out
    log = log_of(lab)
    assert sorted(log) == list(range(1, 10))
    assert [number for number in log if log[number][6:8] != ["0", "0"]] == [2]
    assert log[2][6:8] == ["0", "9"]


@pytest.mark.parametrize("retries, killed, logged, status", [
    (1, "exec sleep 100", ["0", "9"], 1),
    (1, "sleep 100; exit $?", ["137", "0"], 1),
    (2, "exec sleep 100", ["0", "0"], 0),
])
def test_a_job_is_killed_as_for_want_of_memory(lab, haid, retries, killed, logged, status):
    """The system ends a process of the job, not the agent: that costs the job a try, and its node goes on."""
    line = f"[ {{}} -gt 2 ] || [ -e tried.{{}} ] || {{ touch tried.{{}}; {killed}; }}"
    job = lab.submit(f"{haid} -j1 --joblog log --retries {retries} '{line}' ::: 1 2 3 4 5 6; echo status $?", "-N2")

    def sleeper(name):
        return next((pid for pid, words in lab.processes(name) if words == ["sleep", "100"]), None)
    job.until(lambda: sleeper("n1") and sleeper("n2"))
    agent = lab.agent("n2")
    os.kill(sleeper("n2"), signal.SIGKILL)
    # Node n1 has no slot to spare: all others run where the job was killed, but for that job, which goes elsewhere.
    job.until(lambda: (lab.shared / "log").read_text().count("\n") == (6 if retries == 1 else 5))
    log = log_of(lab)
    assert {row[1] for row in log.values()} == {"n2"} and lab.agent("n2") == agent
    if retries == 1:
        assert log.pop(next(number for number in (1, 2) if number in log))[6:8] == logged
    assert sorted(log)[-4:] == [3, 4, 5, 6] and all(row[6:8] == ["0", "0"] for row in log.values())
    os.kill(sleeper("n1"), signal.SIGKILL)
    out = job.wait()
    assert f"status {status * 2}\n" in out and "lost" not in out
    assert sorted(log_of(lab)) == [1, 2, 3, 4, 5, 6]


def test_a_job_is_ended_for_want_of_memory_before_its_agent(lab, haid):
    out = lab.submit(f"{haid} -j1 'cat /proc/$PPID/oom_score_adj /proc/self/oom_score_adj; :' ::: 1", "-N2").wait()
    agent, job = map(int, out.split())
    assert job == min(agent + 100, 1000)


@needs_memory_groups
def test_a_job_fills_the_memory_of_its_node(lab, haid):
    """The system ends that job, and nothing else of the node: not the agent, nor the jobs beside it."""
    wants = "python3 -c 'import time; bytes(1) * ({} % 4 and 1000 or 1 << 30); time.sleep(0.3)' && echo ran {}"
    with lab.little_memory(300 << 20, *lab.names):
        job = lab.submit(f"seq 24 | {haid} -j2 --joblog log {shlex.quote(wants)}; echo status $?", "-N3")
        out = job.wait(90)
    assert "status 6\n" in out and "lost" not in out
    log = log_of(lab)
    assert [log[number][6:8] for number in range(1, 25)] == ([["0", "0"]] * 3 + [["137", "0"]]) * 6
    assert sorted(map(int, re.findall(r"^ran (\d+)$", out, re.M))) == [number for number in range(1, 25) if number % 4]


@needs_memory_groups
def test_where_memory_is_short_nothing_starts(lab, haid):
    """On that node alone; and the youngest of its jobs goes back, and runs elsewhere."""
    (lab.shared / "job.py").write_text(MEMORY_OF_A_JOB)
    with lab.little_memory(700 << 20, "n2"):
        job = lab.submit(f"seq 8 | {haid} -j2 --joblog log --memfree 500M /usr/bin/python3 job.py; echo status $?", "-N2")
        job.until(lambda: (lab.shared / "log").exists() and (lab.shared / "log").read_text().count("\n") == 8)
        (lab.shared / "enough").touch()
        out = job.wait()
    assert "status 0\n" in out and out.count("was ended because memory is short; it will be run again") == 1
    log = log_of(lab)
    assert sorted(log) == list(range(1, 9)) and all(row[6:8] == ["0", "0"] for row in log.values())
    assert collections.Counter(row[1] for row in log.values()) == {"n1": 7, "n2": 1}


def test_a_limit_of_memory_holds_on_all_nodes(lab, haid):
    """Slurm takes the limits of the batch script along: whoever wants more memory fails, and nobody else."""
    wants = "python3 -c \"bytearray({} % 3 and 1000 or 2 << 30)\" && echo ran {} && sleep 0.3"
    out = lab.submit(f"ulimit -v 1000000; seq 12 | {haid} -j1 --joblog log '{wants}'; echo status $?", "-N3").wait()
    assert "status 4\n" in out and out.count("MemoryError") == 4 and "lost" not in out
    assert sorted(map(int, re.findall(r"^ran (\d+)$", out, re.M))) == [1, 2, 4, 5, 7, 8, 10, 11]
    log = log_of(lab)
    assert [log[number][6:8] for number in range(1, 13)] == [["0", "0"], ["0", "0"], ["1", "0"]] * 4
    assert {row[1] for row in log.values()} == {"n1", "n2", "n3"}


def test_an_agent_is_stopped(lab, haid):
    """It neither runs nor ends: its jobs end all the same before they begin elsewhere."""
    long = "echo $SLURMD_NODENAME >> began.{}; true {}; exec sleep 50"
    job = lab.submit(f"seq 6 | {haid} -j2 --joblog log --timeout 60 '{long}'; echo status $?", "-N3")
    job.until(lambda: len(list(lab.shared.glob("began.*"))) == 6)
    agent = lab.agent("n2")
    os.kill(agent, signal.SIGSTOP)
    try:
        job.until(lambda: "node n2 is lost" in job.output(), 40)
        assert not any(words == ["sleep", "50"] for _, words in lab.processes("n2"))
    finally:
        os.kill(agent, signal.SIGCONT)
    lab._until(lambda: lab.agent("n2") is None, "the agent goes on without a lease")
    lab.run("scancel", job.number)
    job.wait()
    assert len((lab.shared / "log").read_text().splitlines()) == 1, "a job that was ended is in the log"


@pytest.mark.parametrize("options", ["-N1", "-N3"])
@pytest.mark.parametrize("how", [[], ["--full"]])
def test_a_job_that_is_cancelled_does_not_look_like_a_crash(lab, haid, options, how):
    """What is told is that it was told to end: no node is lost, no agent fails, nothing runs elsewhere."""
    job = lab.submit(f"{haid} -j1 --joblog log 'touch began.{{}}; sleep 100' ::: 1 2 3 4 5 6", options)
    job.until(lambda: len(list(lab.shared.glob("began.*"))) == int(options[2:]))
    lab.run("scancel", *how, job.number)
    lab._until(lambda: lab.run("squeue", "-h", check=False).stdout == "", "the job has not ended")
    out = job.output()
    assert re.search(r"^haid: SIGTERM: ending \d running job\(s\)$", out, re.M), out
    assert not re.search("is lost|run elsewhere|no node is left|agent on|srun: error", out), out
    assert no_jobs_left(lab)


def test_a_step_that_is_told_to_end_is_told_as_that(lab, haid):
    job = lab.submit(f"{haid} -j1 'touch began.{{}}; sleep 100' ::: 1 2 3; echo status $?", "-N2")
    job.until(lambda: len(list(lab.shared.glob("began.*"))) == 2)
    lab.run("scancel", "--signal=TERM", f"{job.number}.0")
    out = job.wait()
    assert "as Slurm does with the processes of a job or a step that it ends" in out and "no node is left" in out
    assert "Exited with exit code" not in out and out.endswith("status 255\n")


def test_a_node_is_lost(broken_lab, haid):
    lab = broken_lab
    job = start(lab, haid)
    lost = time.monotonic()
    lab.lose_node("n3")
    job.until(lambda: "node n3 is lost" in job.output(), 40)
    assert time.monotonic() - lost < 30
    assert "status 0" in job.wait(90)
    check_each_ran(lab)


def test_the_node_of_the_batch_script_is_lost(broken_lab, haid):
    """Nobody is in charge any more: the others end what they run, and do not keep their nodes."""
    lab = broken_lab
    job = start(lab, haid, jobs=6, seconds="100")
    lab.lose_node("n1")
    lost = time.monotonic()
    lab._until(lambda: no_jobs_left(lab, ["n2", "n3"]), "jobs run on without a coordinator", 25)
    lab._until(lambda: job.state() in ("CANCELLED", ""), "the job keeps its nodes", 120)
    lab._until(lambda: not any(lab.agent(name) for name in ("n2", "n3")), "agents are left", 30)
    assert time.monotonic() - lost < 150


def test_the_network_is_gone_for_five_seconds(lab, haid):
    job = start(lab, haid)
    lab.cut_network("n2")
    try:
        time.sleep(5)
    finally:
        lab.mend_network("n2")
    out = job.wait(60)
    assert "status 0" in out and "lost" not in out and "no connection" not in out
    log = check_each_ran(lab)
    assert "n2" in {row[1] for row in log.values()}


def test_the_network_is_gone_for_good(broken_lab, haid):
    lab = broken_lab
    job = start(lab, haid, jobs=6, seconds="25")
    lab.cut_network("n2")
    cut = time.monotonic()
    while not no_jobs_left(lab, ["n2"]):
        assert time.monotonic() - cut < 20, "the agent goes on without a lease"
        time.sleep(0.1)
    out = job.wait(90)
    assert "status 0" in out and "node n2 is lost" in out
    check_each_ran(lab, 6)


def test_the_coordinator_is_killed(lab, haid):
    job = start(lab, haid)
    coordinator = next(pid for pid, words in lab.processes("n1") if words[0] == haid and "--joblog" in words)
    os.kill(coordinator, signal.SIGKILL)
    assert "status 137" in job.wait(30)
    lab._until(lambda: no_jobs_left(lab) and not any(lab.agent(name) for name in lab.names), "something is left", 20)


def test_scancel(lab, haid):
    job = start(lab, haid, jobs=100)
    lab.run("scancel", job.number)
    job.wait(30)
    lab._until(lambda: no_jobs_left(lab) and not any(lab.agent(name) for name in lab.names), "something is left", 20)
    for row in log_of(lab).values():
        assert row[6:8] == ["0", "0"]


def test_the_controller_is_away(broken_lab, haid):
    lab = broken_lab
    job = start(lab, haid)
    lab.stop_controller()
    lab._until(lambda: "status 0" in job.output(), "the run waits for slurmctld", 30)
    lab.start_controller()
    check_each_ran(lab)


def test_the_lines_after_a_node_was_lost_use_those_that_are_left(broken_lab, haid):
    lab = broken_lab
    job = lab.submit(f"touch ready; until [ -e lost ]; do sleep 0.1; done\n"
                     f"seq 8 | {haid} --joblog log 'sleep 0.1; echo {{}}'; echo status $?\n", "-N3", "--no-kill")
    job.until(lambda: (lab.shared / "ready").exists())
    lab.lose_node("n2")
    lab._until(lambda: lab.run("squeue", "-h", "-j", job.number, "-o", "%N").stdout.strip() == "n[1,3]",
               "Slurm has not noticed it", 60)
    (lab.shared / "lost").touch()
    out = job.wait(60)
    assert out.endswith("status 0\n") and sorted(log_of(lab)) == list(range(1, 9)), out
    assert set(collections.Counter(row[1] for row in log_of(lab).values())) == {"n1", "n3"}


def stand_still(lab, job, how, seconds=26):
    """For longer than leases last nothing of the job runs, its coordinator, agents and guards neither."""
    if how == "suspended":
        lab.run("scontrol", "suspend", job.number)
        time.sleep(seconds)
        lab.run("scontrol", "resume", job.number)
        return
    frozen = [pid for name in lab.names for pid, words in lab.processes(name) if "slurm" not in words[0]]
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(seconds)


@pytest.mark.parametrize("how", ["suspended", "frozen"])
def test_the_whole_run_stands_still(lab, haid, how):
    """What ran goes on where it was; nobody is taken for lost."""
    job = start(lab, haid, seconds="4")
    stand_still(lab, job, how)
    out = job.wait(90)
    assert "status 0" in out and "lost" not in out and "no connection" not in out, out
    assert all(row[6:8] == ["0", "0"] for row in check_each_ran(lab).values())
    assert all((lab.shared / f"ran.{number}").read_text().count("begin") == 1 for number in range(1, 13))


def test_what_a_guard_ended_has_not_failed(lab, haid):
    """An agent stood still for longer than its lease, its guard did not, and the coordinator still waits for it."""
    job = start(lab, haid, jobs=6, seconds="20")
    agent = lab.agent("n2")
    job.until(lambda: not no_jobs_left(lab, ["n2"]))
    os.kill(agent, signal.SIGSTOP)
    lab._until(lambda: no_jobs_left(lab, ["n2"]), "its guard has not ended its jobs", 40)
    os.kill(agent, signal.SIGCONT)
    out = job.wait(150)
    assert "status 0" in out and "node n2 is lost" in out, out
    assert all(row[6:8] == ["0", "0"] for row in check_each_ran(lab, 6).values())


@pytest.mark.parametrize("retries", [1, 3])
def test_a_broken_node_does_not_eat_the_run(lab, haid, retries):
    """Fast as it is with its failures, it gets few jobs; and none fails a second time there while others have room or get it."""
    # Until the others are there, it is the only node that could try again.
    line = ("touch on.$SLURMD_NODENAME; until [ -e on.n1 ] && [ -e on.n3 ]; do sleep 0.1; done; "
            "echo $SLURMD_NODENAME >> tried.{}; [ $SLURMD_NODENAME != n2 ] && sleep 1")
    out = lab.submit(f"seq 30 | {haid} -j2 --retries {retries} --joblog log '{line}'; echo status $?", "-N3").wait(90)
    assert "node n2: the last 3 jobs failed there, and not on other nodes" in out, out
    assert out.count("it gets one job at a time") == 1
    tried = {number: (lab.shared / f"tried.{number}").read_text().split() for number in range(1, 31)}
    on_n2 = sum(nodes.count("n2") for nodes in tried.values())
    assert 3 <= on_n2 <= 10, tried
    if retries == 1:
        assert f"status {on_n2}\n" in out
    else:
        assert out.endswith("status 0\n") and all(nodes.count("n2") <= 1 for nodes in tried.values()), tried


def test_a_full_disk_on_a_node(lab, haid):
    """Its temporary files: what its jobs wrote is not lost, for they run elsewhere."""
    script = ("mkdir -p /dev/shm/tmp; srun -N2 -n2 mkdir -p /dev/shm/tmp; "
              "srun -N1 -n1 --nodelist=n2 sh -c 'mount -o remount,size=1m /dev/shm || true'\n"
              f"seq 6 | {haid} -k -j2 --tmpdir /dev/shm/tmp ': {{}}; yes | head -c 60000000' | md5sum; "
              "echo status ${PIPESTATUS[1]}\nyes | head -c 360000000 | md5sum\n")
    out = lab.submit(script, "-N2").wait(90)
    assert "node n2 is lost" in out and "No space left" in out and "status 0" in out
    sums = re.findall("^[0-9a-f]{32}", out, re.M)
    assert sums[0] == sums[1]


def address_of(lab):
    words = next(words for _, words in lab.processes("n1") if words[1:2] == ["agent"])
    host, port = words[words.index("--to") + 1].split(",")[0].rsplit(":", 1)
    return host, int(port)


STRANGER = """
import socket, sys, time
host, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
connections = []
for i in range(300 if how == "crowd" else 1):
    one = socket.create_connection((host, port), timeout=10)
    connections.append(one)
    if how == "garbage":
        try:
            one.sendall(bytes(range(256)) * 1000)
        except OSError:
            pass
    if how == "http":
        one.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" + b"x" * 200)
if how == "slow":
    for i in range(20):
        try:
            connections[0].sendall(b"x")
        except OSError:
            break
        time.sleep(0.7)
for one in connections:
    one.settimeout(30)
    try:
        while one.recv(4096):
            pass
    except OSError:
        pass
print("closed")
"""


@pytest.mark.parametrize("how", ["garbage", "http", "slow", "crowd"])
def test_strangers(lab, haid, how):
    job = start(lab, haid, jobs=60)
    host, port = address_of(lab)
    stranger = lab.on_node("n3", "python3", "-c", STRANGER, host, port, how)
    assert stranger.stdout == "closed\n", stranger.stderr
    out = job.wait(90)
    assert "status 0" in out and "stranger" in out
    check_each_ran(lab, 60)


def test_an_agent_with_a_wrong_secret(lab, haid):
    job = start(lab, haid, jobs=40)
    host, port = address_of(lab)
    (lab.shared / "wrong").write_bytes(os.urandom(32))
    (lab.shared / "wrong").chmod(0o600)
    refused = lab.on_node("n3", haid, "agent", "--to", f"{host}:{port}", "--secret", lab.shared / "wrong")
    assert refused.returncode == 1 and "the coordinator of the run is gone" in refused.stderr
    (lab.shared / "wrong").chmod(0o644)
    refused = lab.on_node("n3", haid, "agent", "--to", f"{host}:{port}", "--secret", lab.shared / "wrong")
    assert refused.returncode == 255 and "others than its owner" in refused.stderr
    out = job.wait(60)
    assert "status 0" in out and "does not know the secret" in out


def test_the_secret_is_gone_when_all_agents_have_it(lab, haid):
    job = start(lab, haid, seconds="4")
    job.until(lambda: not list(lab.shared.rglob("*.secret")))
    assert not (lab.shared / "log").exists() or len(log_of(lab)) < 12, "it is gone while jobs run"
    assert "status 0" in job.wait(60)


def test_an_agent_that_reaches_nobody(haid, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_bytes(os.urandom(32))
    done = subprocess.run([haid, "agent", "--to", f"127.0.0.1:{port},[::1]:{port}", "--secret", secret],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 255
    assert f"127.0.0.1:{port} (Connection refused)" in done.stderr and f"[::1]:{port}" in done.stderr


def test_hosts_are_counted(lab, haid):
    out = lab.submit(f"seq 3000 | {haid} --joblog log true; echo status $?", "-N3").wait(90)
    assert "status 0" in out
    assert sum(collections.Counter(row[1] for row in log_of(lab).values()).values()) == 3000
