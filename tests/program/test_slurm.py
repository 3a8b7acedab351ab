"""What is left of a Slurm job in an environment without Slurm: a container, a shell that somebody has kept."""

import json

import pytest
import support

WITHOUT_SLURM = {"SLURM_JOB_ID": "1", "PATH": "/nowhere"}


def of(**variables):
    return {**WITHOUT_SLURM, **variables}


def test_a_job_that_names_no_nodes_is_this_node(tidy_haid):
    for environment in (WITHOUT_SLURM, of(SLURM_JOB_NODELIST=""), of(SLURMD_NODENAME="n7")):
        result = tidy_haid.run("-k", "echo", ":::", 1, 2, environment=environment)
        assert (result.status, result.out, result.err) == (0, "1\n2\n", ""), environment


@pytest.mark.parametrize("name, value", [("SLURM_JOB_NODELIST", "n[1-"), ("SLURM_JOB_CPUS_PER_NODE", "2(x")])
def test_a_variable_that_is_not_understood_is_named_with_the_way_out(tidy_haid, name, value):
    environment = of(**{"SLURM_JOB_NODELIST": "n[1-2]", name: value})
    result = tidy_haid.run("echo", ":::", 1, environment=environment)
    assert result.status == 255 and f"{name}: not " in result.err and "--nodes local" in result.err, result
    assert tidy_haid.run("--nodes", "local", "echo", ":::", 1, environment=environment).out == "1\n"


def test_a_command_of_slurms_that_is_missing_is_named_with_the_way_out(tidy_haid):
    environment = of(SLURM_JOB_NODELIST="n[1-2]")
    result = tidy_haid.run("echo", ":::", 1, environment=environment)
    assert result.status == 255 and "Slurm's srun is not in PATH (a container" in result.err, result
    assert "--nodes local" in result.err
    assert tidy_haid.run("--nodes", "local", "echo", ":::", 1, environment=environment).out == "1\n"


def test_an_end_of_the_job_that_nobody_tells_is_said_to_who_relies_on_it(tidy_haid):
    for option in ("--time-per-job=1", "--until-done"):
        result = tidy_haid.run(option, "--joblog", f"log{option}", "echo", ":::", 1, environment=WITHOUT_SLURM)
        assert (result.status, result.out) == (0, "1\n")
        assert result.err.count("\n") == 1 and "it is not known when this Slurm job ends" in result.err
        assert "Slurm's squeue is not in PATH" in result.err
    # A limit that is told in another way is known.
    environment = of(SLURM_JOB_END_TIME="99999999999")
    assert tidy_haid.run("--time-per-job", 1, "echo", ":::", 1, environment=environment).err == ""


def test_commands_of_slurms_are_found_beside_a_relative_folder_in_path(tidy_haid):
    """PATH=.:… is no reason not to look in the others."""
    tidy_haid.file("bin/srun", "#!/bin/sh\necho called >&2\nexit 3\n", 0o755)
    environment = of(SLURM_JOB_NODELIST="n[1-2]", PATH=f".:{tidy_haid.folder}/bin")
    result = tidy_haid.run("echo", ":::", 1, environment=environment)
    assert result.status == 255 and "called\n" in result.err and "ended with exit status 3" in result.err, result
    assert "no agent has called: --nodes local" in result.err


def test_the_log_and_tables_name_the_node(tidy_haid, tmp_path):
    environment = of(SLURMD_NODENAME="n7")
    for kind in ("csv", "tsv", "json"):
        tidy_haid.run("--joblog", "log", "--results", f"r.{kind}", "echo", ":::", 1, environment=environment)
        assert [entry["Host"] for entry in support.log_entries(tmp_path / "log")] == ["n7"]
    for kind, separator in (("csv", ","), ("tsv", "\t")):
        rows = (tmp_path / f"r.{kind}").read_text().splitlines()
        assert [row.split(separator)[1] for row in rows[:2]] == ["Host", "n7"]
    assert json.loads((tmp_path / "r.json").read_text())["Host"] == "n7"


def test_outside_of_slurm_and_as_parallel_this_machine_is_a_colon(as_parallel, tmp_path):
    for environment in ({}, of(SLURMD_NODENAME="n7")):
        as_parallel.run("--joblog", "log", "echo", ":::", 1, environment=environment)
        assert [entry["Host"] for entry in support.log_entries(tmp_path / "log")] == [":"]


def test_on_one_machine_the_number_on_the_node_is_the_slot(tidy_haid):
    job = "echo $HAID_NODE_SLOT {%}; sleep 0.1"
    for environment in ({}, {"HAID_NODE_SLOT": "77"}):
        lines = tidy_haid.run("-j3", job, ":::", *range(9), environment=environment).lines
        assert {tuple(line.split()[:2]) for line in lines} == {(each, each) for each in "123"}
    # Beside --process-slot-var, which counts from 0 as xargs does.
    result = tidy_haid.run("-j1", "--process-slot-var", "MINE", "echo $HAID_NODE_SLOT $MINE $PARALLEL_PID; :", ":::", 1)
    assert result.lines[0].split()[:2] == ["1", "0"] and len(result.lines[0].split()) == 3


def test_what_a_site_prints_of_each_steps_binding_is_not_printed(tidy_haid):
    """TaskPluginParam=verbose in slurm.conf counts where srun is not told to be quiet about it."""
    tidy_haid.file("bin/srun", "#!/bin/sh\necho \"srun $*\" >&2\n", 0o755)
    environment = of(SLURM_JOB_NODELIST="n[1-2]", PATH=f"{tidy_haid.folder}/bin:/usr/bin:/bin", SLURM_CPU_BIND="verbose")
    result = tidy_haid.run("echo", ":::", 1, environment=environment)
    assert "srun -N 2 -n 2 " in result.err and " --cpu-bind=quiet,none " in result.err, result


def test_components_of_a_job_that_are_left_out_are_told(tidy_haid):
    environment = of(SLURM_HET_SIZE="3", SLURM_JOB_NODELIST="n7", SLURMD_NODENAME="n7")
    told = "haid: this Slurm job is heterogeneous, and of its 3 components only the first is used (n7)"
    result = tidy_haid.run("echo", ":::", 1, environment=environment)
    assert (result.status, result.out) == (0, "1\n") and result.err.startswith(told) and result.err.count("\n") == 1
    for apart in ({"SLURM_HET_SIZE": "1"}, {"SLURM_STEP_ID": "0", "SLURM_PROCID": "0"}, {"HAID_CPUS": "1"}):
        assert tidy_haid.run("echo", ":::", 1, environment={**environment, **apart}).err == "", apart
    assert tidy_haid.run("--nodes", "local", "echo", ":::", 1, environment=environment).err == ""
