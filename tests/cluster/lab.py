"""A real Slurm of several nodes on this machine, for tests: from Debian's packages, as root.

Each node has its own network, host name, processes and /dev/shm; a login node has the controller. All daemons and
namespaces belong to one Lab and end with it; a lab that was killed is cleared away by the next one of its name.
HAID_LAB_NAME is for a second lab beside the first: its namespaces, network and ports are its own.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import zlib

NAME = os.environ.get("HAID_LAB_NAME", "haid-lab")
# Of 100 networks, by the name; the usual one is the first.
_NUMBER = 0 if NAME == "haid-lab" else 1 + zlib.crc32(NAME.encode()) % 99
NETWORK = f"10.79.{_NUMBER}"
PORT = 26900 + 2 * _NUMBER
PROGRAMS = ("slurmctld", "slurmd", "munged", "srun", "ip", "nsenter", "unshare")
SEARCH = os.environ["PATH"] + ":/usr/sbin:/sbin"


def why_not():
    """Why there can be no lab here; empty where there can."""
    if os.geteuid() != 0:
        return "a lab of several nodes needs root"
    missing = [program for program in PROGRAMS if shutil.which(program, path=SEARCH) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    probe = subprocess.run(["ip", "netns", "add", f"{NAME}-probe"], env={"PATH": SEARCH}, capture_output=True, text=True)
    if probe.returncode != 0:
        return f"no network namespaces: {probe.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", f"{NAME}-probe"], env={"PATH": SEARCH}, check=True)
    return ""


def memory_groups():
    """Where this machine limits the memory of groups of processes: the folder, the name of its controller and the file of the
    limit, for both versions of cgroups; or None."""
    for folder, controller, limit in (("/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes"),
                                      ("/sys/fs/cgroup", "", "memory.max")):
        probe = pathlib.Path(folder, f"{NAME}-probe")
        try:
            probe.mkdir()
        except OSError:
            continue
        found = (probe / limit).exists()
        probe.rmdir()
        if found:
            return pathlib.Path(folder), controller, limit
    return None


class Lab:
    def __init__(self, nodes=3, cpus=2, memory=2000, down_after=10):
        self.names = [f"n{i + 1}" for i in range(nodes)]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="haid-lab-", dir="/tmp"))
        self.folder.chmod(0o755)  # munge: whoever may connect must be able to get there
        self.shared = self.folder / "shared"
        self._cpus, self._memory, self._down_after = cpus, memory, down_after
        self._daemons = {}
        self.environment = {**os.environ, "PATH": SEARCH, "SLURM_CONF": str(self.folder / "slurm.conf"),
                            "HOME": str(self.shared), "TMPDIR": "/tmp"}
        for name in [name for name in self.environment if name.startswith(("HAID_", "PARALLEL", "SLURM_JOB"))]:
            del self.environment[name]
        self.environment.pop("XDG_CACHE_HOME", None)

    # -- up and down

    def __enter__(self):
        try:
            self._clear_old()
            self._write()
            self._connect()
            self._start_daemons()
            self._wait_until_idle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in list(self._daemons):
            self._end(name)
        for space in ["login", *self.names]:
            subprocess.run(["ip", "netns", "del", self._space(space)], env=self.environment, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _space(node):
        return f"{NAME}-{node}"

    def _clear_old(self):
        listed = subprocess.run(["ip", "netns"], env=self.environment, capture_output=True, text=True).stdout
        for line in listed.splitlines():
            name = line.split()[0] if line.split() else ""
            if not re.fullmatch(re.escape(NAME) + r"-(login|n\d+)", name):
                continue
            pids = subprocess.run(["ip", "netns", "pids", name], env=self.environment, capture_output=True, text=True)
            for pid in pids.stdout.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", name], env=self.environment, capture_output=True)

    def _write(self):
        for name in ("state", "spool", "log", "run", "munge", "shared"):
            (self.folder / name).mkdir()
        (self.folder / "munge").chmod(0o700)
        (self.folder / "run").chmod(0o755)
        key = self.folder / "munge/key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        hosts = [f"{NETWORK}.1 login"] + [f"{NETWORK}.{11 + i} {name}" for i, name in enumerate(self.names)]
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "\n".join(hosts) + "\n")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        nodes = "\n".join(
            f"NodeName={name} NodeAddr={NETWORK}.{11 + i} Port={PORT + 1} CPUs={self._cpus} RealMemory={self._memory} "
            "State=UNKNOWN" for i, name in enumerate(self.names))
        (self.folder / "slurm.conf").write_text(f"""\
ClusterName=lab
SlurmctldHost=login({NETWORK}.1)
SlurmctldPort={PORT}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={self.folder}/run/munge
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool/%n
SlurmctldPidFile={self.folder}/run/slurmctld.pid
SlurmdPidFile={self.folder}/run/slurmd.%n.pid
SlurmctldLogFile={self.folder}/log/slurmctld.log
SlurmdLogFile={self.folder}/log/slurmd.%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdTimeout={self._down_after}
SlurmctldTimeout=30
KillWait=3
MinJobAge=300
JobRequeue=1
ReturnToService=2
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""")

    def _ip(self, *words):
        subprocess.run(["ip", *words], env=self.environment, check=True)

    def _connect(self):
        login = self._space("login")
        self._ip("netns", "add", login)
        self._ip("-n", login, "link", "set", "lo", "up")
        self._ip("-n", login, "link", "add", "bridge0", "type", "bridge")
        self._ip("-n", login, "address", "add", f"{NETWORK}.1/24", "dev", "bridge0")
        self._ip("-n", login, "link", "set", "bridge0", "up")
        for i, name in enumerate(self.names):
            space = self._space(name)
            self._ip("netns", "add", space)
            self._ip("-n", login, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", space)
            self._ip("-n", login, "link", "set", f"to-{name}", "master", "bridge0", "up")
            self._ip("-n", space, "address", "add", f"{NETWORK}.{11 + i}/24", "dev", "eth0")
            self._ip("-n", space, "link", "set", "eth0", "up")
            self._ip("-n", space, "link", "set", "lo", "up")

    def _on_login(self, *words):
        return ["nsenter", f"--net=/run/netns/{self._space('login')}", "unshare", "--uts", "--mount", "sh", "-c",
                f'hostname login; mount --bind {self.folder}/hosts /etc/hosts; exec "$@"', "sh", *words]

    def _daemon(self, name, words):
        log = open(self.folder / f"log/{name}.out", "ab")
        self._daemons[name] = subprocess.Popen(words, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                                               stdout=log, stderr=log, start_new_session=True)

    def _start_daemons(self):
        munge = self.folder / "munge"
        self._daemon("munged", ["munged", "--foreground", "--force", f"--socket={self.folder}/run/munge",
                                f"--key-file={munge}/key", f"--pid-file={munge}/pid", f"--log-file={munge}/log",
                                f"--seed-file={munge}/seed"])
        self._until(lambda: (self.folder / "run/munge").exists(), "munged has not come up")
        self._daemon("slurmctld", self._on_login("slurmctld", "-D"))
        for name in self.names:
            self.start_node(name)

    def _wait_until_idle(self):
        def idle():
            states = self.run("sinfo", "-h", "-N", "-o", "%T", check=False).stdout.split()
            return states == ["idle"] * len(self.names)
        self._until(idle, "the nodes have not come up")

    def _until(self, come_true, complaint, seconds=30):
        end = time.monotonic() + seconds
        while not come_true():
            if time.monotonic() > end:
                raise RuntimeError(f"{complaint}; see {self.folder}/log")
            time.sleep(0.05)

    def _end(self, name):
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()

    # -- what a test does

    def start_node(self, name):
        """Its processes have their own world, and die with it."""
        (self.folder / "spool" / name).mkdir(exist_ok=True)
        world = (f"hostname {name}; mount --bind {self.folder}/hosts /etc/hosts; "
                 f"mount -t tmpfs -o mode=1777 shm /dev/shm; exec slurmd -D -N {name}")
        self._daemon(name, ["nsenter", f"--net=/run/netns/{self._space(name)}", "unshare", "--uts", "--pid", "--mount",
                            "--ipc", "--fork", "--kill-child=KILL", "--mount-proc", "sh", "-c", world])

    def lose_node(self, name):
        """As at a power cut: nobody hears that its connections are closed."""
        self.cut_network(name)
        self._end(name)

    @contextlib.contextmanager
    def little_memory(self, size, *names):
        """Meanwhile all processes of each of these nodes have so many bytes together: who takes more meets the system's killer."""
        folder, controller, limit = memory_groups()
        ours = next(line.split(":")[2] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()
                    if line.split(":")[1] == controller)
        groups = [folder / self._space(name) for name in names]
        try:
            for name, group in zip(names, groups):
                group.mkdir(exist_ok=True)
                (group / limit).write_text(str(size))
                for pid, _ in self.processes(name):
                    (group / "cgroup.procs").write_text(str(pid))
            yield
        finally:
            for group in groups:
                self._until(lambda group=group: self._dissolve(group, folder / ours.lstrip("/")), f"{group} cannot be removed")

    @staticmethod
    def _dissolve(group, into):
        try:
            for pid in (group / "cgroup.procs").read_text().split():
                (into / "cgroup.procs").write_text(pid)
            group.rmdir()
        except OSError:  # a process has ended meanwhile, or has just begun
            return False
        return True

    def stop_controller(self):
        self._end("slurmctld")

    def start_controller(self):
        self._daemon("slurmctld", self._on_login("slurmctld", "-D"))

    def cut_network(self, name):
        self._ip("-n", self._space("login"), "link", "set", f"to-{name}", "down")

    def mend_network(self, name):
        self._ip("-n", self._space("login"), "link", "set", f"to-{name}", "up")

    def run(self, *words, check=True, timeout=60, **more):
        """A command on the login node."""
        done = subprocess.run(self._on_login(*map(str, words)), env=self.environment, cwd=self.shared, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)
        if check and done.returncode != 0:
            raise RuntimeError(f"{words}: {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def on_node(self, name, *words, **more):
        """A command that sees the network of a node, and the processes of all."""
        return subprocess.run(["nsenter", f"--net=/run/netns/{self._space(name)}", *map(str, words)], capture_output=True,
                              text=True, env=self.environment, cwd=self.shared, timeout=60, **more)

    def processes(self, name):
        """Of a node: (pid as this machine has it, words of its command line)."""
        space = os.stat(f"/run/netns/{self._space(name)}").st_ino
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.stat(entry / "ns/net").st_ino == space:
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                    if words:
                        found.append((int(entry.name), words))
            except OSError:
                pass  # it has ended meanwhile
        return found

    def agent(self, name):
        """The pid of haid's agent on a node, or None."""
        return next((pid for pid, words in self.processes(name) if words[1:2] == ["agent"]), None)

    def submit(self, script, *options):
        """A batch job that runs the script in the shared folder. Its number."""
        path = self.shared / f"job-{len(list(self.shared.glob('job-*.sh')))}.sh"
        path.write_text("#!/bin/bash\n" + script)
        done = self.run("sbatch", "--parsable", "--output", str(path) + ".out", *options, path)
        return Job(self, done.stdout.strip(), pathlib.Path(str(path) + ".out"))


class Job:
    def __init__(self, lab, number, output):
        self._lab, self.number, self._output = lab, number, output

    def state(self):
        return self._lab.run("squeue", "-h", "-t", "all", "-j", self.number, "-o", "%T").stdout.strip()

    def wait(self, seconds=60):
        """What it wrote, when it has ended."""
        ended = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"}
        self._lab._until(lambda: self.state() in ended, f"job {self.number} has not ended: {self.output()}", seconds)
        return self.output()

    def output(self):
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def until(self, come_true, seconds=30):
        self._lab._until(come_true, f"it has not come true; job {self.number} wrote: {self.output()}", seconds)
