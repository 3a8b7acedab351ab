"""haid submit, status and cancel, on the login node of a real Slurm."""
import os
import re

import pytest


def shell(lab, haid, script, **more):
    """On the login node, in the shared folder; `haid` is the program."""
    script = f'haid() {{ {haid} "$@"; }}\n' + script
    return lab.run("bash", "-c", script, check=False, **more)


def submitted(done):
    """The number of the job, and where its output will be."""
    found = re.fullmatch(r"haid: submitted job (\d+); its output will be in (.*)\n", done.stdout)
    assert done.returncode == 0 and found, (done.stdout, done.stderr)
    return found.groups()


def state(lab, number):
    return lab.run("squeue", "-h", "-t", "all", "-j", number, "-o", "%T").stdout.strip()


def wait_for_end(lab, number):
    ended = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"}
    lab._until(lambda: state(lab, number) in ended, f"job {number} has not ended")
    return state(lab, number)


def run_folders(lab):
    return sorted(lab.shared.glob(".cache/haid/runs/*"))


def refused(lab, done, *words):
    assert done.returncode != 0 and done.stdout == ""
    for word in words:
        assert word in done.stderr, done.stderr
    assert not run_folders(lab), "something is left behind"
    assert lab.run("squeue", "-h").stdout == ""


# -- what runs


def test_values_on_several_nodes(lab, haid):
    number, output = submitted(shell(lab, haid, "haid submit -N3 --ntasks-per-node=2 -- --joblog log -k "
                                                "'echo {}; sleep 0.2' ::: $(seq 24)"))
    assert output == f"{lab.shared}/slurm-{number}.out"
    assert wait_for_end(lab, number) == "COMPLETED"
    assert open(output).read() == "".join(f"{i}\n" for i in range(1, 25))
    hosts = {line.split("\t")[1] for line in (lab.shared / "log").read_text().splitlines()[1:]}
    assert hosts == {"n1", "n2", "n3"}


@pytest.mark.parametrize("how", ["cat commands | haid submit -- -k", "haid submit -- haid -k < commands",
                                 "haid submit -- -k -a - < commands"])
def test_commands_of_standard_input_are_stored(lab, haid, how):
    (lab.shared / "commands").write_text("echo one\necho 'it'\"'\"'s two'\n")
    done = shell(lab, haid, f"{how}; rm commands")
    number, output = submitted(done)
    assert wait_for_end(lab, number) == "COMPLETED"
    assert open(output).read() == "one\nit's two\n"
    [folder] = run_folders(lab)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_file_that_the_line_names_stays_where_it_is(lab, haid):
    (lab.shared / "values").write_text("1\n2\n")
    number, output = submitted(shell(lab, haid, "haid submit -- -k echo v{} :::: values"))
    assert wait_for_end(lab, number) == "COMPLETED"
    assert open(output).read() == "v1\nv2\n"
    assert not (run_folders(lab)[0] / "input").exists()


def test_scripts(lab, haid):
    (lab.shared / "a.sh").write_text("echo a $1\n")
    number, output = submitted(shell(lab, haid, "haid submit -- run -k a.sh -- {} ::: 1 2"))
    assert wait_for_end(lab, number) == "COMPLETED"
    assert open(output).read() == "a 1\na 2\n"


def test_hostile_words_arrive(lab, haid):
    values = ["it's", '"$HOME"', "two\nlines", "é𝄞", "\\", "*", "`id`", "#x"]
    done = lab.run(haid, "submit", "--comment", "a 'b' \"c\" # $x \\", "--", "-k", "printf '<%s>' {}", ":::", *values)
    number, output = submitted(done)
    assert lab.run("squeue", "-h", "-t", "all", "-j", number, "-o", "%k").stdout == "a 'b' \"c\" # $x \\\n"
    assert wait_for_end(lab, number) == "COMPLETED"
    assert open(output).read() == "".join(f"<{value}>" for value in values)


def test_a_prologue(lab, haid):
    (lab.shared / "prologue").write_text("#!/bin/bash -e\n# of mine\n#SBATCH --job-name=theirs --comment=kept\n"
                                         "module() { export LOADED=$1; }\nmodule R/4\n")
    done = shell(lab, haid, "haid submit --prologue prologue -J mine -- -k 'echo $LOADED {}' ::: 1 2")
    number, output = submitted(done)
    assert lab.run("squeue", "-h", "-t", "all", "-j", number, "-o", "%j %k").stdout == "mine kept\n"
    assert wait_for_end(lab, number) == "COMPLETED"
    assert open(output).read() == "R/4 1\nR/4 2\n"


def test_options_win_over_variables(lab, haid):
    number, _ = submitted(shell(lab, haid, "SBATCH_JOB_NAME=variable haid submit -J mine -- echo ::: 1"))
    assert lab.run("squeue", "-h", "-t", "all", "-j", number, "-o", "%j").stdout == "mine\n"
    wait_for_end(lab, number)


def test_the_budget_of_the_login_node_is_none_of_the_job(lab, haid):
    number, output = submitted(shell(lab, haid, "HAID_CPUS=1 haid submit -N2 -n2 -- 'sleep 2; echo {} $SLURMD_NODENAME' ::: 1 2"))
    wait_for_end(lab, number)
    assert sorted(open(output).read().split()) == ["1", "2", "n1", "n2"]


# -- --show


def test_show_submits_nothing(lab, haid):
    (lab.shared / "commands").write_text("echo by hand\n")
    done = shell(lab, haid, "haid submit --show -N2 --comment 'a b' -- -k < commands")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout == ("#!/bin/bash\n#SBATCH --job-name=haid\n#SBATCH --no-kill\n#SBATCH --open-mode=append\n"
                           f'#SBATCH -N2\n#SBATCH --comment="a b"\nexec {haid} -k < {lab.shared}/commands\n')
    assert not run_folders(lab) and lab.run("squeue", "-h").stdout == ""
    # It can be submitted by hand.
    (lab.shared / "script").write_text(done.stdout)
    number = lab.run("sbatch", "--parsable", "script").stdout.strip()
    wait_for_end(lab, number)
    assert (lab.shared / f"slurm-{number}.out").read_text() == "by hand\n"


# -- what is refused before it is submitted


@pytest.mark.parametrize("options, words", [
    ("--bogus", ["unrecognized option '--bogus'"]),
    ("-p nowhere", ["sbatch: error: invalid partition specified: nowhere"]),
    ("--exclusive echo", ["sbatch: error: Invalid --exclusive specification"]),
    ("-J", ["sbatch: option requires an argument -- 'J'"]),
    ("--time 1:x", ["sbatch: error: Invalid --time specification"]),
    ("--wrap true", ["sbatch: error: Script arguments not permitted with --wrap option"]),
])
def test_what_slurm_refuses_is_said_in_its_words(lab, haid, options, words):
    refused(lab, shell(lab, haid, f"haid submit {options} -- echo ::: 1"), *words)
    refused(lab, shell(lab, haid, f"echo true | haid submit {options} --"), *words)


@pytest.mark.parametrize("line, words", [
    ("submit", ["It comes after --"]),
    ("submit echo", ["It comes after --"]),
    ("submit -N3 echo -- echo ::: 1", ["'echo' is neither an option of Slurm's nor the value of one"]),
    ("submit -- < /dev/null", ["standard input is empty"]),
    ("submit --output missing/x -- echo ::: 1", ["--output: the folder 'missing' is missing"]),
    ("submit -o missing/%j/x -- echo ::: 1", ["--output: the folder 'missing' is missing"]),
    ("submit --err=missing/x -- echo ::: 1", ["--error: the folder 'missing' is missing"]),
    ("submit -o . -- echo ::: 1", ["--output: '.' is a folder"]),
    ("submit -- echo :::: missing", ["cannot open the input file 'missing'"]),
    ("submit -- -a missing echo", ["cannot open the input file 'missing'"]),
    ("submit -- echo :::: <(echo 1)", ["will be gone when the job begins"]),
    ("submit -- --no-such-option echo ::: 1", ["there is no option --no-such-option"]),
    ("submit -- -j many echo ::: 1", ["'many' is no number of jobs"]),
    ("submit -- --joblog missing/log echo ::: 1", ["--joblog: the folder 'missing' is missing"]),
    ("submit -- run missing.py", ["cannot run the script 'missing.py'"]),
    ("submit -- status", ["'haid status' is no line that runs jobs"]),
    ("submit -- --help", ["only shows something"]),
    ("submit --prologue missing -- echo ::: 1", ["cannot read the prologue 'missing'"]),
    ("submit --prologue <(echo 'if x') -- echo ::: 1", ["the prologue '/dev/fd/", "syntax error"]),
    ("submit --wait -- echo ::: 1", ["--follow"]),
    ("submit $'--comment=a\\nb' -- echo ::: 1", ["cannot hold a newline"]),
])
def test_mistakes(lab, haid, line, words):
    refused(lab, shell(lab, haid, f"haid {line}"), *words)


def test_a_terminal_as_standard_input(lab, haid):
    done = shell(lab, haid, f"script -qec '{haid} submit -- echo' /dev/null")
    assert done.returncode == 255 and "standard input, which is the terminal" in done.stdout


def test_files_are_looked_for_where_the_job_begins(lab, haid):
    (lab.shared / "there").mkdir()
    (lab.shared / "there/values").write_text("1\n")
    number, output = submitted(shell(lab, haid, "haid submit -D there -o out -- echo v{} :::: values"))
    assert output == f"{lab.shared}/there/out"
    wait_for_end(lab, number)
    assert open(output).read() == "v1\n"


def test_a_prologue_may_bring_an_interpreter(lab, haid):
    (lab.shared / "a.R").write_text("cat(1)\n")
    (lab.shared / "prologue").write_text("Rscript() { :; }\n")
    without = f"PATH={lab.shared}/bin; "
    os.mkdir(lab.shared / "bin")
    for name in ("sbatch", "squeue", "bash"):
        os.symlink(lab.run("which", name).stdout.strip(), lab.shared / "bin" / name)
    done = shell(lab, haid, without + "haid submit --show -- run a.R")
    assert done.returncode == 255 and "Rscript" in done.stderr
    done = shell(lab, haid, without + "haid submit --show --prologue prologue -- run a.R")
    assert done.returncode == 0 and "run a.R" in done.stdout, done.stderr


def test_without_slurm(lab, haid):
    refused(lab, shell(lab, haid, "PATH=/nowhere haid submit -- echo ::: 1"), "sbatch is not in PATH")
    assert shell(lab, haid, "PATH=/nowhere; haid submit --show -- echo ::: 1").returncode == 0
    assert shell(lab, haid, "PATH=/nowhere haid status").stdout.startswith("Nothing was submitted")


def test_sbatch_may_be_asked_something(lab, haid):
    assert "slurm" in shell(lab, haid, "haid submit --version -- echo ::: 1").stdout
    done = shell(lab, haid, "haid submit --test-only -- echo ::: 1")
    assert done.returncode == 0 and "to start at" in done.stderr
    assert not run_folders(lab)


def test_ctrl_c_while_sbatch_waits_for_the_controller(broken_lab, haid):
    """Neither it nor sbatch goes on."""
    lab = broken_lab
    lab.stop_controller()
    done = shell(lab, haid, f"timeout -s INT 2 {haid} submit -- echo ::: 1; echo $?; ps -e -o args= | grep '[s]batch --pars'")
    assert done.stdout == "124\n"


# -- --follow


def test_follow_shows_the_output_and_ends_as_the_job(lab, haid):
    (lab.shared / "out").write_text("of another job\n")
    done = shell(lab, haid, "haid submit -N2 --follow -o out -- -j1 --no-progress "
                            "'sleep 4; echo {} on $SLURMD_NODENAME; exit {}' ::: 0 3 0 0")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert sorted(line.split()[0] for line in lines if " on n" in line) == ["0", "0", "0", "3"]
    assert "of another job" not in done.stdout
    assert {line.split()[2] for line in lines if re.match(r"\d on n", line)} == {"n1", "n2"}
    assert re.search(r"haid: job \d+ runs on n\[1-2\]\n", done.stderr)
    assert re.search(r"haid: job \d+ has ended: FAILED, exit status 1", done.stderr)


def test_follow_keeps_the_streams_apart(lab, haid):
    done = shell(lab, haid, "haid submit --follow -o out.%j -e err -- 'echo {}; echo no >&2' ::: yes")
    assert done.returncode == 0 and done.stdout == "yes\n" and "\nno\n" in done.stderr


def test_follow_of_a_job_that_is_cancelled(lab, haid):
    script = ("haid submit --follow -- sleep 100 ::: 1 2> news & while ! grep -q 'runs on' news; do sleep 0.1; done\n"
              "haid cancel last; wait $!; echo status $?; cat news")
    out = shell(lab, haid, script).stdout
    assert "status 143" in out and "has ended: CANCELLED" in out


# -- status and cancel


def test_status_and_cancel(lab, haid):
    assert shell(lab, haid, "haid status").stdout.startswith("Nothing was submitted")
    first, _ = submitted(shell(lab, haid, "haid submit -J short -- echo ::: 1"))
    assert wait_for_end(lab, first) == "COMPLETED"
    second, _ = submitted(shell(lab, haid, "echo sleep 1000 | haid submit -N3 -- -k"))
    third, _ = submitted(shell(lab, haid, "haid submit --hold -- echo 'a b' ::: 1"))
    lab._until(lambda: state(lab, second) == "RUNNING", "it does not run")
    head, *rows = shell(lab, haid, "haid status").stdout.splitlines()
    assert head.split() == ["job", "state", "time", "nodes", "submitted", "name", "line"]
    assert re.fullmatch(rf" +{first}  COMPLETED .* short  +echo ::: 1", rows[0])
    assert re.fullmatch(rf" +{second}  RUNNING .*  3  \d+-\d\d-\d\d \d\d:\d\d +haid +-k < input", rows[1])
    assert re.fullmatch(rf" +{third}  PENDING \(JobHeldUser\) .* echo 'a b' ::: 1", rows[2])
    lab._until(lambda: lab.agent("n3"), "the agents have not come")
    assert shell(lab, haid, f"haid cancel {second}").stdout == f"haid: told Slurm to end job {second}\n"
    assert wait_for_end(lab, second) == "CANCELLED"
    lab._until(lambda: not any(lab.agent(name) for name in lab.names), "an agent goes on")
    assert f"job {third}" in shell(lab, haid, "haid cancel last").stdout
    wait_for_end(lab, third)
    # How it ended is kept when Slurm does not know it any more.
    shell(lab, haid, "haid status")
    rows = shell(lab, haid, "PATH=/nowhere haid status").stdout.splitlines()[1:]
    assert [row.split()[1] for row in rows] == ["COMPLETED", "CANCELLED", "CANCELLED"]
    assert f"job {third} had ended: CANCELLED" in shell(lab, haid, "haid cancel last").stdout
    other = shell(lab, haid, "haid cancel 99999")
    assert other.returncode == 255 and "is no job that was submitted" in other.stderr


def test_old_runs_are_removed(lab, haid):
    first, _ = submitted(shell(lab, haid, "haid submit -- echo ::: 1"))
    second, _ = submitted(shell(lab, haid, "haid submit --hold -- echo ::: 1"))
    wait_for_end(lab, first)
    shell(lab, haid, "haid status")
    old, held = run_folders(lab)
    for folder in (old, held):
        os.utime(folder, (0, 0))
    shell(lab, haid, "haid status")
    assert run_folders(lab) == [held]


def test_the_controller_is_away(broken_lab, haid):
    lab = broken_lab
    number, _ = submitted(shell(lab, haid, "haid submit --hold -- echo ::: 1"))
    lab.stop_controller()
    done = shell(lab, haid, "haid status")
    assert done.returncode == 0 and re.search(rf" {number}  \? ", done.stdout)
    assert "Slurm does not say what has become of jobs" in done.stderr
