"""What cannot be had, with the limit that stands in the way. Needs no descriptor itself: nothing is imported here."""
import errno
import os


def named(error, wanted):
    """The error of a system call as one that says what was wanted, and which limit is to be looked at."""
    if "ulimit" in str(error):
        return error
    if error.errno == errno.EMFILE:
        limit = f"this process may have {os.sysconf('SC_OPEN_MAX')} descriptors at a time: see ulimit -n"
    elif error.errno == errno.EAGAIN:
        most = os.sysconf("SC_CHILD_MAX")
        own = f"is {most}" if most >= 0 else "has none"
        limit = f"is a limit of processes reached? ulimit -u {own}; see also the cgroup's pids.max"
    else:
        return error
    return OSError(error.errno, f"cannot make {wanted} ({limit}): {os.strerror(error.errno)}")


def start(thread, wanted):
    """Python itself says no more than that it can't."""
    try:
        thread.start()
    except RuntimeError as error:
        if thread.ident is not None:
            raise  # it was started before
        raise named(OSError(errno.EAGAIN, str(error)), f"a thread for {wanted}") from None
