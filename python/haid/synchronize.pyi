from multiprocessing import synchronize as _standard
from multiprocessing.synchronize import (
    Barrier as Barrier,
    Condition as Condition,
    Event as Event,
    SemLock as SemLock,
)

__all__ = ["BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore"]

class Lock(_standard.Lock): ...
class RLock(_standard.RLock): ...
class Semaphore(_standard.Semaphore): ...
class BoundedSemaphore(_standard.BoundedSemaphore): ...
