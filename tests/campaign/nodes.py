"""The program over the nodes of a real Slurm job, and what goes wrong between nodes. One lab serves all rounds."""
import dataclasses
import os
import shlex
import signal
import sys
import time
from pathlib import Path

os.environ.setdefault("HAID_LAB_NAME", "haid-campaign")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cluster"))

import lab as labs  # noqa: E402
from faults import Blow, Surroundings  # noqa: E402
from support import signal_if_alive  # noqa: E402
from victims import Commands  # noqa: E402

NODES, CPUS = 3, 2


class NodeCommands(Commands):
    name = "nodes"
    lab = None

    def __init__(self, *arguments):
        if NodeCommands.lab is None:
            NodeCommands.lab = labs.Lab(NODES, CPUS).__enter__()
        super().__init__(*arguments)
        self.environment = {name: self.lab.environment[name] for name in ("PATH", "SLURM_CONF")}
        self.at_once = NODES * self.slots

    @classmethod
    def take_down(cls):
        if cls.lab is not None:
            cls.lab.__exit__()
        cls.lab = None

    @staticmethod
    def draw(random, folder):
        return Surroundings(), NodeBlow.drawn(random)

    def command(self, *more):
        # Who reads the job's output finds it where the other doors leave theirs.
        script = self.program.folder / "job.sh"
        script.write_text(f"#!/bin/bash\nexec {shlex.join(map(str, [*self.words, *more]))} < {self.program.folder}/commands\n")
        return self.lab._on_login("sbatch", "--wait", "--quiet", f"-N{NODES}", "--no-kill", "--open-mode=append",
                                  "-o", str(self.folder / "out"), "-e", str(self.folder / "errors"), str(script))

    def check(self, status, errors, blow, sent):
        told = self.folder / "errors"
        return super().check(status, told.read_text(errors="replace") if told.exists() else errors, blow, sent)

    def close(self):
        super().close()
        self.lab.run("scancel", "-u", "root", "--full", check=False)
        for name in self.lab.names:
            self.lab.mend_network(name)
        try:
            self.lab._until(lambda: self.lab.run("squeue", "-h", check=False).stdout == "", "jobs have not ended", 60)
            self.lab._until(lambda: set(self.lab.run("sinfo", "-h", "-N", "-o", "%T").stdout.split()) == {"idle"},
                            "the nodes are not idle again", 60)
        except RuntimeError:  # Slurm's affair: the next round has a new one
            NodeCommands.take_down()


@dataclasses.dataclass
class NodeBlow(Blow):
    pause: float = 0.0

    @classmethod
    def drawn(cls, random):
        hits = random.choice(["none", "agent", "agent", "coordinator", "network", "child", "job"])
        numbers = {"agent": ["KILL", "TERM", "STOP"], "coordinator": ["KILL", "TERM", "INT", "STOP"], "child": ["KILL", "STOP"]}
        signals = (getattr(signal, f"SIG{random.choice(numbers[hits])}"),) if hits in numbers else ()
        pause = random.choice([random.uniform(0, 3), random.uniform(3, 30)])
        return cls(" ".join([hits, *(number.name for number in signals)]), hits, signals, random.uniform(0.3, 2), pause)

    @property
    def stops_program(self):
        return self.hits in ("coordinator", "job")

    @property
    def kills_children(self):
        return self.hits == "child"

    def strike(self, program, process, random):
        lab = NodeCommands.lab
        time.sleep(self.after)
        if self.hits == "network":
            name = random.choice(lab.names)
            lab.cut_network(name)
            time.sleep(self.pause)
            lab.mend_network(name)
        elif self.hits == "job":
            lab.run("scancel", "-u", "root", check=False)
        elif self.hits != "none":
            return self._signal(lab, program, random)
        return 1

    def _signal(self, lab, program, random):
        ours = set(program.alive())
        agents = [pid for name in lab.names if (pid := lab.agent(name)) in ours]
        if self.hits == "coordinator":
            agents = [pid for name in lab.names for pid, words in lab.processes(name)
                      if pid in ours and words[0] == program.path and words[1:2] != ["agent"]
                      and program.name_of(pid) != "haid-guard"]
        elif self.hits == "child":
            agents = [pid for pid in ours if program.name_of(pid) in ("bash", "sleep", "mktemp")]
        if not agents:
            return 0
        target = random.choice(agents)
        signal_if_alive(target, self.signals[0])
        if self.signals[0] == signal.SIGSTOP:
            time.sleep(self.pause)
            signal_if_alive(target, signal.SIGCONT)
        return 1
