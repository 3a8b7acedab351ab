"""What can go wrong in a pool, besides what the tasks themselves raise."""
from multiprocessing import TimeoutError as TimeoutError  # a task took longer than its timeout=, or is not there yet
from signal import Signals


class WorkerLost(RuntimeError):
    """The worker process died while it ran the task.

    ``exit_code`` is its exit status, or minus the signal's number; ``signal`` the signal, or None. The message names a
    likely cause.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message, exit_code)
        self.exit_code = exit_code

    @property
    def signal(self) -> Signals | None:
        return Signals(-self.exit_code) if self.exit_code < 0 else None

    def __str__(self) -> str:
        return str(self.args[0])


class TaskError(RuntimeError):
    """A task raised what cannot be raised here: an exception that does not survive pickling, or one that would end
    this program (SystemExit, KeyboardInterrupt). ``type_name`` is its type."""

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(type_name, message)
        self.type_name = type_name

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}" if self.args[1] else str(self.args[0])


class OwnerDied(RuntimeError):
    """A process ended while it held the lock. Whoever gets this does not hold it either; the lock is free."""


class QueueBroken(RuntimeError):
    """A process ended in the middle of taking an item out of the queue: what is in the queue is lost, and it takes and
    gives nothing any more."""


class PoolError(RuntimeError):
    """The pool cannot work (any more)."""


class PoolClosed(ValueError):
    """The pool was closed or ended."""

    def __init__(self, message: str = "Pool not running") -> None:
        super().__init__(message)
