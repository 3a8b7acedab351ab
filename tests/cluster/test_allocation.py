"""The same line that ran on a laptop, in a Slurm job of several nodes."""
import collections
import csv
import json
import re
import time

import pytest


def log_of(lab, name="log"):
    rows = [line.split("\t") for line in (lab.shared / name).read_text().splitlines()[1:]]
    return {int(row[0]): row for row in rows}


def hosts_of(lab, name):
    return {number: row[1] for number, row in log_of(lab, name).items()}


def hosts(log):
    return collections.Counter(row[1] for row in log.values())


def test_all_nodes_work(lab, haid):
    job = lab.submit(f"seq 40 | {haid} -k --joblog log 'echo {{}}; sleep 0.1'", "-N3", "--ntasks-per-node=2")
    assert job.wait() == "".join(f"{i}\n" for i in range(1, 41))
    log = log_of(lab)
    assert sorted(log) == list(range(1, 41)) and set(hosts(log)) == {"n1", "n2", "n3"}


def test_uneven_nodes_get_what_they_were_given(lab, haid):
    out = lab.submit(f"seq 25 | {haid} 'echo {{%}}; sleep 0.3'", "-N3", "-n5").wait()
    assert sorted(map(int, set(out.split()))) == [1, 2, 3, 4, 5]


def test_jobs_option_counts_for_each_node(lab, haid):
    out = lab.submit(f"seq 9 | {haid} -j3 'echo {{%}}; sleep 0.5'", "-N3").wait()
    assert sorted(map(int, out.split())) == list(range(1, 10))


def test_cpus_per_job(lab, haid):
    out = lab.submit(f"seq 6 | {haid} --cpus-per-job 2 'echo {{%}} $HAID_CPUS $OMP_NUM_THREADS; sleep 0.5'", "-N3",
                     "--ntasks-per-node=2").wait()
    assert sorted(set(out.splitlines())) == [f"{i} 2 2" for i in (1, 2, 3)]


def test_exit_status_failures_and_retries(lab, haid):
    script = (f"seq 6 | {haid} --joblog log 'exit $(({{}} % 3))'; echo status $?\n"
              f"{haid} --retries 3 'echo try >> tries; false' ::: x; echo status $?\n"
              f"{haid} --timeout 0.5 sleep ::: 30; echo status $?\n"
              f"{haid} 'kill -SEGV $$' ::: x; echo status $?\n")
    out = lab.submit(script, "-N2").wait()
    assert re.findall(r"^status (\d+)", out, re.M) == ["4", "1", "1", "1"], out
    assert (lab.shared / "tries").read_text() == "try\n" * 3
    assert sorted(row[6] for row in log_of(lab).values()) == ["0", "0", "1", "1", "2", "2"]


def test_resume(lab, haid):
    line = f"seq 10 | {haid} --joblog log --resume-failed 'echo ran {{}}; [ {{}} != 3 ] || [ -e now ]'\n"
    out = lab.submit(f"{line}touch now\n{line}", "-N2").wait()
    assert len(re.findall("^ran 3$", out, re.M)) == 2 and len(re.findall("^ran ", out, re.M)) == 11


def test_jobs_have_the_environment_of_the_batch_script(lab, haid):
    script = ("export MINE='a b'; module() { :; }; export -f module\n"
              "env | grep ^SLURM_ | grep -v -e NODENAME -e NODEID -e CPUS_ON_NODE -e TASK_PID -e TOPOLOGY_ADDR > here\n"
              f"{haid} 'env | grep ^SLURM_ > {{}}; echo \"$MINE $PWD $SLURMD_NODENAME $(hostname)\"; module; sleep 0.2' "
              "::: a b c d e f g h i j k l m n o\n")
    out = lab.submit(script, "-N3", "-n5", "--export=ALL").wait()
    assert sorted(set(out.splitlines())) == [f"a b {lab.shared} n{i} n{i}" for i in (1, 2, 3)]
    there = set((lab.shared / "a").read_text().splitlines())
    missing = set((lab.shared / "here").read_text().splitlines()) - there
    assert not missing
    assert not any(line.startswith("SLURM_STEP") for line in there)


def test_what_the_user_says_about_steps_is_not_said_to_the_agents(lab, haid):
    """Variables for his own srun; each of these made the run fail, or print what nobody asked for."""
    settings = ["SLURM_DEBUG=3", "SLURM_EXCLUSIVE=1", "SLURM_NTASKS_PER_GPU=1", "SLURM_NTASKS_PER_TRES=1",
                "SLURM_MEM_BIND=verbose,local", "SLURM_CORE_SPEC=1", "SLURM_CLUSTERS=nowhere", "SLURM_PROLOG=/bin/echo",
                "SLURM_EPILOG=/bin/echo", "SLURM_CONSTRAINT=none", "SLURM_RESV_PORTS=3", "SLURM_HOSTFILE=/etc/hosts"]
    script = "".join(f"{setting} timeout 40 {haid} -k -j1 'echo {setting.split('=')[0]} {{}} ${setting.split('=')[0]}; sleep 0.2' "
                     "::: a b c d\n" for setting in settings)
    said = lab.submit(script, "-N2", "-n3").wait(120).splitlines()
    assert said == [f"{name} {each} {value}" for name, value in (setting.split("=", 1) for setting in settings)
                    for each in "abcd"]


def test_components_that_are_left_out_are_told(lab, haid):
    line = f"{haid} -k echo {{}} ::: 1 2; {haid} --nodes local -k echo {{}} ::: 3; srun {haid} echo {{}} ::: 4\n"
    job = lab.submit(f"#SBATCH -N2\n#SBATCH hetjob\n#SBATCH -N1\n{line}echo end")
    job.until(lambda: job.output().endswith("end\n"), 60)
    said = job.output().splitlines()
    assert re.fullmatch(r"haid: this Slurm job is heterogeneous, and of its 2 components only the first is used \(n.*\): .*",
                        said[0])
    assert said[1:4] == ["1", "2", "3"] and set(said[4:]) == {"4", "end"}


@pytest.mark.parametrize("home", ["unset HOME", "export HOME=/dev/null", "export HOME=/proc/none", "export HOME=",
                                  "export XDG_CACHE_HOME=/proc/none"])
def test_a_home_that_cannot_be_used_costs_nothing(lab, haid, home):
    """The secret lies where the run is, for the moment in which agents read it."""
    out = lab.submit(f"umask 0; {home}; {haid} -j1 -k 'echo {{}}; sleep 0.3' ::: 1 2 3 4; echo status $?; ls *secret", "-N2").wait()
    said = [line for line in out.splitlines() if not line.startswith("haid: cannot make the folder ")]
    assert said[:5] == ["1", "2", "3", "4", "status 0"] and "cannot access" in said[5] and len(said) == 6, out
    # Submitting keeps what is looked for later: no other place will do.
    refused = lab.run("sh", "-c", f"{home}; {haid} submit -N1 -- echo ::: 1", check=False)
    assert refused.returncode == 255 and "HAID_RUN_FOLDER" in refused.stderr, refused


def test_a_folder_that_is_named_and_cannot_be_used_is_an_error(lab, haid):
    out = lab.submit(f"export HAID_RUN_FOLDER=/dev/null/x; {haid} echo ::: 1; echo status $?", "-N2").wait()
    assert "HAID_RUN_FOLDER names a folder that all nodes see): cannot make the folder '/dev/null/x': Not a directory" in out
    assert out.endswith("status 255\n")
    # One that only this node sees: the other's agent says which variable.
    out = lab.submit(f"export HAID_RUN_FOLDER=/dev/shm/here; {haid} -k echo ::: 1; echo status $?; ls /dev/shm/here", "-N2").wait()
    assert {"1", "status 0"} <= set(out.splitlines())  # the agent's words come when they come
    assert "(HAID_RUN_FOLDER names a folder that all nodes see): No such file" in out


def test_jobs_have_a_number_on_their_own_node(lab, haid):
    """Of devices and ports each node has its own; no two jobs have the same at a time."""
    job = ("echo $SLURMD_NODENAME $HAID_NODE_SLOT {%} $PARALLEL_JOBSLOT; d=/dev/shm/haid-$SLURM_JOB_ID-$HAID_NODE_SLOT; "
           "mkdir $d && touch on.$SLURMD_NODENAME; until [ -e on.n1 ] && [ -e on.n2 ] && [ -e on.n3 ]; do sleep 0.1; done; "
           "sleep 0.3 && rmdir $d")
    out = lab.submit(f"seq 24 | {haid} -j2 '{job}; : {{}}'; echo status $?", "-N3").wait().splitlines()
    assert out.pop() == "status 0"
    rows = [line.split() for line in out]
    assert {(node, number) for node, number, *_ in rows} == {(node, number) for node in ("n1", "n2", "n3") for number in "12"}
    assert {slot for _, _, slot, _ in rows} == set("123456") and all(slot == old for _, _, slot, old in rows)
    # In a retry, too: it is where it runs that counts.
    # (So few that no node is mistaken for a broken one.)
    out = lab.submit(f"seq 2 | {haid} -j1 --retries 2 'echo $HAID_NODE_SLOT >> numbers; [ -e {{}} ] || ! touch {{}}'",
                     "-N3").wait()
    assert out == "" and (lab.shared / "numbers").read_text() == "1\n" * 4


def test_seeds_are_the_same_on_all_nodes(lab, haid):
    """They are made where jobs run, of what the coordinator was told."""
    line = "--seed 2026 -k 'echo {#} $HAID_SEED $SLURMD_NODENAME; sleep 0.2' ::: {1..12}"
    out = lab.submit(f"{haid} {line}; echo; {haid} --nodes local {line}; HAID_SEED=2026 {haid} {line[12:]}", "-N3").wait()
    over_nodes, here = out.split("\n\n")
    rows = [line.split() for line in over_nodes.splitlines()]
    assert [number for number, *_ in rows] == [str(number) for number in range(1, 13)] and len({row[2] for row in rows}) == 3
    seeds = [row[:2] for row in rows]
    assert len({seed for _, seed in seeds}) == 12
    assert [line.split()[:2] for line in here.splitlines()] == seeds * 2


def test_nested_srun(lab, haid):
    out = lab.submit(f"{haid} -j1 'srun -n2 -N2 --overlap echo step {{}}' ::: x y", "-N2").wait()
    assert sorted(out.splitlines()) == ["step x", "step x", "step y", "step y"]


@pytest.mark.parametrize("options", ["", "--overlap"])
def test_a_job_is_a_step_of_several_tasks_on_its_node(lab, haid, options):
    """As programs of MPI are started: each has all CPUs of a node, one at a time."""
    step = f"srun {options} -N1 -n2 -w $SLURMD_NODENAME hostname; : {{}}"
    script = f"{haid} -j1 -k --joblog log '{step}' ::: $(seq 6); echo status $?"
    out = lab.submit(script, "-N3", "--ntasks-per-node=2").wait()
    log = log_of(lab)
    # On a busy machine srun says that it waits until the step before has left the node.
    said = [line for line in out.splitlines() if not line.startswith("srun: ")]
    assert said == [log[number][1] for number in range(1, 7) for _ in range(2)] + ["status 0"]


# MPICH's own values of MPI_COMM_WORLD, MPI_INT and MPI_SUM: its programs need them, its compiler needs 60 MB.
SUM_OF_RANKS = """
import ctypes, os, sys
mpi = ctypes.CDLL("libmpich.so.12", mode=ctypes.RTLD_GLOBAL)
world, integer, add = map(ctypes.c_int, (0x44000000, 0x4C000405, 0x58000003))
rank, size, total = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
mpi.MPI_Init(None, None)
mpi.MPI_Comm_rank(world, ctypes.byref(rank))
mpi.MPI_Comm_size(world, ctypes.byref(size))
mpi.MPI_Allreduce(ctypes.byref(rank), ctypes.byref(total), 1, integer, add, world)
os.write(1, f"{sys.argv[1]} {rank.value} {size.value} {total.value}\\n".encode())  # mpiexec mixes what is not one write
mpi.MPI_Finalize()
"""


def test_a_job_is_a_program_of_mpi(lab, haid):
    (lab.shared / "ranks.py").write_text(SUM_OF_RANKS)
    job = "mpiexec -hosts $SLURMD_NODENAME -n 3 /usr/bin/python3 ranks.py {}"
    out = lab.submit(f"{haid} -j1 --joblog log '{job}' ::: $(seq 9); echo status $?", "-N3", "--exclusive").wait()
    assert sorted(out.splitlines()) == sorted([f"{number} {rank} 3 3" for number in range(1, 10) for rank in range(3)]
                                              + ["status 0"])
    assert len(hosts(log_of(lab))) > 1


def test_nested_haid_stays_on_its_node(lab, haid):
    out = lab.submit(f"{haid} -j1 ': {{}}; {haid} -k echo $SLURMD_NODENAME ::: 1 2' ::: a b c", "-N3").wait()
    assert sorted(line.split()[1] for line in out.splitlines()) == ["1", "1", "1", "2", "2", "2"]
    nodes = [line.split()[0] for line in out.splitlines()]
    assert nodes[0::2] == nodes[1::2]


def test_keeping_to_one_node(lab, haid):
    script = (f"ln -s {haid} parallel\n"
              f"{haid} --nodes local echo '$SLURMD_NODENAME' ::: 1 2 3 4\n"
              f"./parallel echo '$SLURMD_NODENAME' ::: 1 2 3 4\n"
              f"srun -n1 -N1 {haid} echo '$SLURMD_NODENAME' ::: 1 2 3 4\n")
    out = lab.submit(script, "-N2").wait().splitlines()
    assert out[:8] == [f"n1 {i}" for i in (1, 2, 3, 4)] * 2 and len(set(line.split()[0] for line in out[8:])) == 1


def test_one_node_has_no_agent(lab, haid):
    out = lab.submit(f"{haid} --joblog log 'ps -o args= -p $PPID' ::: 1", "-N1").wait()
    assert "agent" not in out and hosts(log_of(lab)) == {"n1": 1}


@pytest.mark.parametrize("options", ["-N1", "-N2"])
def test_the_shell_of_salloc_is_not_on_the_nodes_that_it_got(lab, haid, options):
    done = lab.run("salloc", "--quiet", options, haid, "-k", "--joblog", "log", "echo $(hostname) {}; sleep 0.2", ":::",
                   *range(6))
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"n1", "n2"} & set(hosts(log_of(lab)))
    assert len(log_of(lab)) == 6 and set(hosts(log_of(lab))) == ({"n1"} if options == "-N1" else {"n1", "n2"})
    done = lab.run("salloc", "--quiet", options, haid, "--nodes", "local", "hostname; :", ":::", 1)
    assert done.stdout == "login\n"


def test_the_number_of_jobs_changes_on_all_nodes(lab, haid):
    """-j FILE is read by the node of the batch script, whenever a job has ended."""
    (lab.shared / "slots").write_text("1\n")
    line = "touch began.{}; until [ -e go.{} ]; do sleep 0.05; done"
    job = lab.submit(f"seq 12 | {haid} -j slots --joblog log '{line}'; echo status $?", "-N3")

    def at_a_time(number):
        job.until(lambda: len(list(lab.shared.glob("began.*"))) - len(list(lab.shared.glob("go.*"))) == number)
        time.sleep(0.5)
        assert len(list(lab.shared.glob("began.*"))) - len(list(lab.shared.glob("go.*"))) == number
    at_a_time(3)
    (lab.shared / "slots").write_text("2\n")
    (lab.shared / "go.1").touch()
    at_a_time(6)
    (lab.shared / "slots").write_text("1\n")
    (lab.shared / "go.2").touch()
    at_a_time(5)
    for number in range(1, 13):
        (lab.shared / f"go.{number}").touch()
    assert "status 0\n" in job.wait() and hosts(log_of(lab)).keys() == {"n1", "n2", "n3"}


def test_load_and_free_memory_are_looked_at_on_each_node(lab, haid):
    out = lab.submit(f"{haid} -j2 --load 1000000 --memfree 1k echo '$SLURMD_NODENAME' ::: $(seq 6)", "-N3").wait()
    assert sorted(line.split()[1] for line in out.splitlines()) == list("123456")
    job = lab.submit(f"{haid} -j2 --memfree 900T 'touch ran.{{}}' ::: 1 2 3", "-N3")
    job.until(lambda: all(f"node {name}: no job is started: " in job.output() for name in lab.names))
    assert job.output().count("and --memfree is 900 TiB") == 3
    assert not list(lab.shared.glob("ran.*")) and job.state() == "RUNNING"


def test_outside_of_a_job(lab, haid):
    refused = lab.run(haid, "--nodes", "slurm", "echo", ":::", "1", check=False)
    assert refused.returncode == 255 and "SLURM_JOB_ID" in refused.stderr


def test_much_output_and_lines(lab, haid):
    script = (f"seq 8 | {haid} -k 'yes {{}} | head -c 20000000' | md5sum\n"
              "for i in $(seq 8); do yes $i | head -c 20000000; done | md5sum\n"
              f"seq 4 | {haid} --lb 'for i in $(seq 2000); do echo line {{}} $i {{}}; done' | "
              "awk '$2 != $4 { bad++ } END { print NR, bad + 0 }'\n"
              f"{haid} --tag ': {{}}; echo out; echo err >&2' ::: x 2>&1 | sort\n")
    out = lab.submit(script, "-N3").wait(120).splitlines()
    assert out[0] == out[1] and out[2] == "8000 0" and out[3:] == ["x\terr", "x\tout"], out


def test_results_are_written_from_the_nodes(lab, haid):
    out = lab.submit(f"{haid} --results res --joblog log 'echo out {{}}; echo err {{}} >&2; exit {{}}' ::: 0 1; echo status $?\n"
                     f"{haid} --results res --resume 'echo again {{}}' ::: 0 1 2\n"
                     f"{haid} --results res.csv -k echo ::: a b; cut -d, -f1,10 res.csv\n", "-N2").wait()
    assert "status 1" in out
    for i in (0, 1):
        folder = lab.shared / f"res/1/{i}"
        assert [(folder / name).read_text() for name in ("stdout", "stderr", "seq")] == [f"out {i}\n", f"err {i}\n", str(i + 1)]
    assert (lab.shared / "res/1/2/stdout").read_text() == "again 2\n"
    assert {row[5] for row in log_of(lab).values()} == {"6"}
    assert (lab.shared / "res.csv").read_text().count("\n") >= 3


@pytest.mark.memory
def test_a_slow_reader_slows_jobs_down(lab, haid):
    """Nothing of what the jobs write is kept in memory: they wait for whoever reads."""
    script = (f"seq 2 | {haid} --lb ': {{}}; yes | head -c 500000000' | (sleep 3; ps -C haid -o rss= | sort -n | tail -1 > rss; "
              "wc -c)\n")
    out = lab.submit(script, "-N2").wait(120)
    assert out.split() == ["1000000000"]
    assert int((lab.shared / "rss").read_text()) < 60_000  # KiB


def test_a_folder_that_is_not_there(lab, haid):
    out = lab.submit(f"mkdir gone; cd gone; rmdir ../gone; {haid} echo ::: 1; echo status $?", "-N2").wait()
    assert "status 255" in out and "folder" in out


def test_a_folder_that_only_one_node_has(lab, haid):
    out = lab.submit(f"mkdir /dev/shm/mine; cd /dev/shm/mine; {haid} 'echo $SLURMD_NODENAME {{}}; sleep 2' ::: 1 2 3 4",
                     "-N2").wait()
    assert sorted(re.findall("^n. .", out, re.M)) == [f"n1 {i}" for i in (1, 2, 3, 4)]
    assert "node n2 is lost: the run's folder '/dev/shm/mine' cannot be entered there" in out


@pytest.mark.parametrize("options", ["-N1", "-N2"])
def test_tables_name_the_host_as_the_job_log_does(lab, haid, options):
    # Nobody goes on before all nodes are there.
    job = "': {}; touch on.$SLURMD_NODENAME; until [ -e on.n1 ] && [ -e on.n%s ]; do sleep 0.1; done; echo $SLURMD_NODENAME'" % options[2:]
    out = lab.submit("".join(f"rm -f on.*; {haid} -j2 --joblog log.{kind} --results res.{kind} {job} ::: 1 2 3 4 5 6\n"
                             for kind in ("csv", "tsv", "json")), options).wait()
    assert out == ""
    for kind, separator in (("csv", ","), ("tsv", "\t")):
        rows = list(csv.DictReader(open(lab.shared / f"res.{kind}"), delimiter=separator))
        assert len(rows) == 6 and all(row["Host"] == row["Stdout"].strip() for row in rows)
        assert {int(row["Seq"]): row["Host"] for row in rows} == hosts_of(lab, f"log.{kind}")
    rows = [json.loads(line) for line in open(lab.shared / "res.json")]
    assert {row["Seq"]: row["Host"] for row in rows} == hosts_of(lab, "log.json")
    assert set(hosts_of(lab, "log.csv").values()) == ({"n1"} if options == "-N1" else {"n1", "n2"})


def test_a_job_that_wants_the_terminal_and_ctrl_c(lab, haid):
    script = f"timeout -s TERM 2 {haid} 'sleep 100; echo never' ::: 1 2 3; echo status $?"
    out = lab.submit(script, "-N3").wait()
    assert "never" not in out and "status 124" in out
    for name in lab.names:
        assert not [words for _, words in lab.processes(name) if words[0] == "sleep"]
