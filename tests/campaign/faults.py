"""What a round does to what it runs: surroundings in which little is to be had, and signals at a moment.

A fault is drawn from a round's random numbers, and says what it allows: whether jobs may fail of it, and whether the
program may.
"""
import dataclasses
import signal
import time

from support import parent_of, signal_if_alive

NOBODY = 65534
# Of the calls that haid makes itself: what the kernel may answer, once, now and then, or from some moment on. Whoever
# is interrupted time and again makes progress in between, so that is not for ever.
INJECTED = {
    "epoll_wait,epoll_pwait": ("EINTR",),
    "wait4": ("EINTR",),
    "poll": ("EINTR",),
    "pipe2": ("EMFILE", "ENFILE"),
    "splice": ("EINTR", "EINVAL", "ENOMEM"),
    "memfd_create": ("EMFILE", "ENOMEM"),
    "ftruncate": ("ENOSPC",),
    "flock": ("EINTR", "ENOLCK"),
    "fcntl": ("EINTR", "ENOLCK"),
    "openat": ("EMFILE", "EINTR"),
    "write": ("ENOSPC", "EINTR", "EIO"),
    "read": ("EINTR",),
    "clone,clone3,fork,vfork": ("EAGAIN", "ENOMEM"),
    "mmap": ("ENOMEM",),
    "signalfd4": ("EMFILE",),
    "epoll_create1": ("EMFILE",),
}


@dataclasses.dataclass
class Surroundings:
    """What a program is started in."""

    name: str = "none"
    words: tuple = ()  # before its command line
    may_fail: bool = False  # the program and its jobs may say that they cannot
    as_nobody: bool = False
    full_disk: int = 0  # bytes of the file system on which it writes; 0: the machine's


def draw_surroundings(random, folder):
    kind = random.choice(["none"] * 5 + ["descriptors", "processes", "file size", "memory", "full disk"] + ["calls"] * 3)
    if kind == "descriptors":
        return limited(f"--nofile={random.randint(3, 64)}")
    if kind == "processes":
        surroundings = limited(f"--nproc={random.randint(1, 16)}")
        surroundings.words += ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        surroundings.as_nobody = True
        return surroundings
    if kind == "file size":
        return limited(f"--fsize={random.choice([0, 100, 1000, 4096, 100_000])}")
    if kind == "memory":
        # In less the kernel cannot map an interpreter, and ends it by SIGSEGV before it has begun.
        return limited(f"--as={random.randint(16, 300) << 20}")
    if kind == "full disk":
        return Surroundings("full disk", may_fail=True, full_disk=random.choice([16, 32, 64]) << 10)
    if kind == "calls":
        call = random.choice(sorted(INJECTED))
        error = random.choice(INJECTED[call])
        when = str(random.randint(1, 40))
        if error == "EINTR":
            when += random.choice(["", f"+{random.randint(2, 5)}"])
        else:
            when += random.choice(["", "+", f"+{random.randint(1, 9)}"])
        words = ["strace", "-qq", "-o", str(folder / "calls"), "-e", f"trace={call}",
                 "-e", f"inject={call}:error={error}:when={when}"]
        if call == "write":  # to files: a pipe is never full for good
            for name in ("log", "out"):
                (folder / "disk").mkdir(exist_ok=True)
                (folder / "disk" / name).touch()
                words += ["-P", str(folder / "disk" / name)]
        if random.random() < 0.5:
            words.insert(1, "-f")
        return Surroundings(f"{call.split(',')[0]}: {error}, {when}{', children too' if '-f' in words else ''}", tuple(words),
                            may_fail=True)
    return Surroundings()


def limited(option):
    return Surroundings(option.lstrip("-"), ("prlimit", option), may_fail=True)


@dataclasses.dataclass
class Blow:
    """What happens to a program that runs. `hits` says whom; signals with the seconds between them."""

    name: str
    hits: str  # "none", "group", "program", "helper" (guard, zygote), "child" (a job's process, a worker)
    signals: tuple = ()
    after: float = 0.0

    @property
    def stops_program(self):
        return self.hits in ("group", "program") and any(number != signal.SIGSTOP and number != signal.SIGCONT
                                                         for number, _ in self.signals)

    @property
    def kills_children(self):
        return self.hits in ("child", "helper")

    def strike(self, program, process, random):
        """Sends the signals, all to the one who was found first. How many were sent."""
        time.sleep(self.after)
        target = find(self.hits, program, process, random)
        if target is None or process.poll() is not None:
            return 0
        for number, pause in self.signals:
            signal_if_alive(-target if self.hits == "group" else target, number)
            time.sleep(pause)
        return len(self.signals)


def draw_blow(random, surroundings):
    if surroundings.name != "none" and not surroundings.name.startswith(("nofile", "full")):
        return Blow("none", "none")
    after = random.uniform(0, 0.7)
    pause = lambda: random.uniform(0.05, 0.8)  # noqa: E731
    hits = random.choice(["none", "group", "group", "program", "program", "helper", "child", "child"])
    if hits == "none":
        return Blow("none", "none")
    if hits in ("group", "program"):
        name = random.choice(["INT", "HUP", "QUIT", "TERM", "KILL", "INT INT", "HUP HUP", "INT TERM", "STOP CONT", "STOP KILL"])
    elif hits == "helper":
        name = random.choice(["KILL", "STOP CONT", "STOP KILL"])
    else:
        name = random.choice(["KILL", "TERM", "SEGV", "STOP CONT"])
    signals = tuple((getattr(signal, f"SIG{word}"), pause()) for word in name.split())
    return Blow(f"{hits} {name}", hits, signals, after)


def find(hits, program, process, random):
    if hits in ("group", "program"):
        return process.pid
    others = [pid for pid in program.alive() if pid != process.pid]
    helpers = [pid for pid in others if program.name_of(pid) in ("haid-guard", "haid-zygote")]
    if hits == "child":
        helpers = [pid for pid in others if pid not in helpers and parent_of(pid) in (process.pid, *helpers)]
    return random.choice(helpers) if helpers else None
