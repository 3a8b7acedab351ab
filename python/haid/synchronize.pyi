from multiprocessing import synchronize as _standard
from multiprocessing.synchronize import (
    Barrier as Barrier,
    BoundedSemaphore as BoundedSemaphore,
    Condition as Condition,
    Event as Event,
    Semaphore as Semaphore,
    SemLock as SemLock,
)

__all__ = ["BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore"]

class Lock(_standard.Lock): ...
class RLock(_standard.RLock): ...
