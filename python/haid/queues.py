"""Queues between processes, with the names of multiprocessing.queues.

Those of the start method "fork" survive the processes that use them: one that is killed while it waits harms nobody, an
item that somebody was killed putting is not there, and only who is killed while it takes an item out breaks the queue,
which all others are told (QueueBroken). What a process that was killed had put and not yet sent makes room for others. All
else is the standard library's.
"""
import fcntl
import mmap
import os
import select
import struct
import termios
import time
from functools import partial
from multiprocessing import queues as _standard
from multiprocessing.queues import *  # noqa: F401,F403
from multiprocessing.queues import Empty, _ForkingPickler

from ._haid import Claims
from .errors import OwnerDied, QueueBroken
from .synchronize import _LOOK, Condition, RLock, acquire_place

# Words that the processes share. Each is written by who holds the lock of that end, and outlives its death.
_READING = 0  # an item is being taken out of the pipe
_WRITING = 1  # an item is being put that one write cannot put whole
_BROKEN = 2

_WHOLE = select.PIPE_BUF - 4  # what one write puts into a pipe wholly or not at all, with its length
_STALL = 1.0  # s: for the rest of an item that has begun to come, when the time limit has passed
_LONGEST_WAIT = 2e6  # s: what poll takes. Longer is for ever

_DROPPED = object()
_size = struct.Struct("!i").unpack


def _tell(shared):
    shared[_BROKEN] = 1
    raise QueueBroken(
        "a process ended, or was interrupted, while it took an item out of this queue: that item and all that were put "
        "after it are lost, for nobody knows where the next begins. Make a new queue"
    )


class _Writing:
    """The lock of the end for writing, and how to write with it. Refers to no queue: threads that feed one have it."""

    def __init__(self, lock, read_lock, writer, shared, sent):
        self._lock, self._read_lock, self._writer, self._shared = lock, read_lock, writer, shared
        self._sent = sent  # called after each item
        self.release = lock.release

    def __reduce__(self):
        raise RuntimeError("a queue of the start method fork can only be inherited by processes that are forked")

    def try_acquire(self):
        """Whether nobody who lives holds it. Says nothing about what the last holder has left."""
        while True:
            try:
                return self._lock.acquire(False)
            except OwnerDied:
                pass

    def acquire(self, block=True, timeout=None):
        shared = self._shared
        try:
            if not self._lock.acquire(block, timeout):
                return False
        except OwnerDied:
            return self._acquire_after_a_death(block, timeout)
        if not shared[_WRITING] and not shared[_BROKEN]:
            return True
        self.release()
        return self._acquire_after_a_death(block, timeout)

    def _acquire_after_a_death(self, block, timeout):
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                if not self._lock.acquire(block, None if deadline is None else max(0, deadline - time.monotonic())):
                    return False
            except OwnerDied:
                continue
            try:
                if self._in_order():
                    return True
            except BaseException:
                self._lock.release()
                raise
            self._lock.release()
            if not block or deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK)  # until a reader has come to the rest of a dead one's item

    def _in_order(self):
        shared = self._shared
        if shared[_BROKEN]:
            _tell(shared)
        if not shared[_WRITING]:
            return True
        # In this order: who has taken a part of a dead one's item is reading until it drops it.
        waiting = fcntl.ioctl(self._writer.fileno(), termios.FIONREAD, bytes(4))
        if waiting == bytes(4) and not shared[_READING]:
            shared[_WRITING] = 0
            return True
        _end_of_reader(self._read_lock, shared)
        return False

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self._lock.release()

    def send_bytes(self, data):
        size = len(data)
        if size <= _WHOLE:
            os.write(self._writer.fileno(), b"".join((size.to_bytes(4, "big"), data)))
        else:
            self._shared[_WRITING] = 1
            self._writer.send_bytes(data)
            self._shared[_WRITING] = 0
        self._sent()


def _end_of_reader(lock, shared):
    """Raises QueueBroken where the reader of an item has ended."""
    try:
        if not lock.acquire(False):
            return
    except OwnerDied:
        return  # the next look takes it
    try:
        if shared[_READING]:
            _tell(shared)
    finally:
        lock.release()


class _Incoming:
    """An item of which not all is there yet."""

    def __init__(self, head):
        self.stage, self.data, self.got = "!i", bytearray(4), len(head)
        self.data[: len(head)] = head
        self._step()

    def read(self, descriptor):
        """Whether something came."""
        count = os.readv(descriptor, [memoryview(self.data)[self.got :]])
        self.got += count
        self._step()
        return count > 0

    def _step(self):
        while self.stage and self.got == len(self.data):
            (size,) = struct.unpack(self.stage, self.data)
            self.stage = "!Q" if size == -1 else None  # as multiprocessing.connection writes lengths
            self.data, self.got = bytearray(8 if size == -1 else size), 0

    def whole(self):
        return self.stage is None and self.got == len(self.data)


class _Survives:
    _shared = None  # of other start methods than fork

    def _share(self, ctx, sent):
        if ctx.get_start_method() == "fork":
            self._shared = mmap.mmap(-1, mmap.PAGESIZE)
            self._wlock = _Writing(self._wlock, self._rlock, self._writer, self._shared, sent)
            self._unfinished = []
            self._poller = select.poll()
            self._poller.register(self._reader.fileno(), select.POLLIN)

    def _lock_for_reading(self, deadline):
        """None: has the lock; an item: has that and the lock; False: the time has passed."""
        shared = self._shared
        acquire = self._rlock.acquire
        while True:
            if self._unfinished:
                try:
                    return self._unfinished.pop()
                except IndexError:  # another thread was faster
                    pass
            left = _LOOK if deadline is None else min(_LOOK, max(0, deadline - time.monotonic()))
            try:
                if acquire(True, left):
                    break
            except OwnerDied:
                continue
            if left < _LOOK:
                return False
        if shared[_READING]:
            self._rlock.release()
            _tell(shared)
        return None

    def _receive(self, deadline):
        """The bytes of the oldest item. None: the time has passed."""
        descriptor = self._reader.fileno()
        shared = self._shared
        while True:
            try:
                free = not self._unfinished and self._rlock.acquire(False)
            except OwnerDied:  # harmed nothing, or has left the word
                free = False
            if not free:
                incoming = self._lock_for_reading(deadline)
                if incoming is False:
                    return None
            elif shared[_READING]:
                self._rlock.release()
                _tell(shared)
            else:
                incoming = None
            kept = False
            try:
                if incoming is None:
                    wait = None if deadline is None else max(0, deadline - time.monotonic()) * 1000
                    if not self._poller.poll(wait):
                        return None
                    shared[_READING] = 1
                    head = os.read(descriptor, 4)
                    if not head:
                        shared[_READING] = 0
                        raise EOFError
                    size = _size(head)[0] if len(head) == 4 else -1
                    if 0 <= size <= _WHOLE:
                        data = os.read(descriptor, size)
                        self._taken()
                        shared[_READING] = 0
                        return data
                    incoming = _Incoming(head)
                data = self._rest(incoming, descriptor, deadline)
                if data is None:
                    kept = True
                else:
                    if data is not _DROPPED:
                        self._taken()
                    shared[_READING] = 0
            finally:
                if not kept:
                    self._rlock.release()
            if kept:  # this process goes on in the middle the next time, and has the lock until then
                self._unfinished.append(incoming)
            if data is not _DROPPED:
                return data

    def _rest(self, incoming, descriptor, deadline):
        """The bytes; None: the time has passed; _DROPPED: its writer has ended, and nothing is left of it."""
        stalls = None
        while not incoming.whole():
            if self._poller.poll(_LOOK * 1000):
                stalls = None
                if incoming.read(descriptor):
                    continue
                return _DROPPED  # no writer is left at all
            now = time.monotonic()
            stalls = stalls or now - _LOOK
            if self._drop():
                return _DROPPED
            if deadline is not None and now >= deadline and now - stalls >= _STALL:
                return None
        return incoming.data

    def _drop(self):
        """Whether the writer of the item that is being read has ended: all that is in the pipe was of that item."""
        if not self._wlock.try_acquire():
            return False
        try:
            if not self._shared[_WRITING]:
                return False
            while self._poller.poll(0) and os.read(self._reader.fileno(), 1 << 16):
                pass
            self._shared[_WRITING] = 0
            return True
        finally:
            self._wlock.release()

    def _taken(self):
        """An item has left the pipe. Who is killed before that is told has left the queue broken, which others see."""


def _nothing():
    pass


def _one_less(condition, unfinished):
    with condition:
        if unfinished.acquire(False) and unfinished._semlock._is_zero():
            condition.notify_all()


class _Places:
    """A queue's semaphore, of which a process takes one for each item that it puts, and who gets the item gives it back.

    Gives back those of processes that ended before they had sent their items. Refers to no queue: threads that feed one
    have it.
    """

    def __init__(self, semaphore, gone):
        self._semlock = semaphore._semlock
        self._claims = Claims(self._semlock.handle, self._semlock.maxvalue)  # of what was put and not yet sent
        self._take = self._claims.acquire
        self._gone = gone  # called for each item that nobody will send any more
        self.sent = self._claims.drop

    def acquire(self, block=True, timeout=None):
        return self._take(False) or acquire_place(self._take, self.recover, block, timeout)

    def free(self):
        try:
            self._semlock.release()
        except ValueError:
            pass  # its process was killed between sending and telling so: it was given back before

    def release(self):
        """Of an item that could not be sent."""
        self.sent()
        self.free()

    def recover(self):
        """Gives back one that somebody had who has ended. Whether there was one."""
        found = self._claims.recover()
        if found:
            self._gone()
        return found


class Queue(_Survives, _standard.Queue):
    """First in, first out. A thread of the process that puts writes to a pipe.

    A time limit of get may be exceeded while a large item comes, and by a second where its writer stands still.
    """

    def __init__(self, maxsize=0, *, ctx):
        super().__init__(maxsize, ctx=ctx)
        if ctx.get_start_method() == "fork":
            self._sem = _Places(self._sem, self._when_gone(ctx))
            self._taken = self._sem.free
            self._share(ctx, self._sem.sent)
        self._reset()

    def _reset(self, after_fork=False):
        super()._reset(after_fork)
        if self._shared is not None:
            self._send_bytes = self._wlock.send_bytes
            self._unfinished = []  # in a child: its parent's

    def put(self, obj, block=True, timeout=None):
        if self._shared is not None and self._shared[_BROKEN]:
            _tell(self._shared)
        super().put(obj, block, timeout)

    def get(self, block=True, timeout=None):
        if self._shared is None:
            return super().get(block, timeout)
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")
        if not block:
            timeout = 0
        data = self._receive(None if timeout is None or timeout > _LONGEST_WAIT else time.monotonic() + timeout)
        if data is None:
            raise Empty
        return _ForkingPickler.loads(data)

    def close(self):
        super().close()
        if self._shared is not None and self._unfinished:
            self._unfinished.clear()
            self._rlock.release()  # the others are told

    def _when_gone(self, ctx):
        return _nothing


class _InOrder(RLock):
    """Of what is in order at every instant, as a count is: whoever finds that its holder has ended just goes on."""

    def __init__(self, *, ctx):
        super().__init__(ctx=ctx)
        del self.acquire  # the standard library's, of this instance

    def acquire(self, block=True, timeout=None):
        while True:
            try:
                return self._semlock.acquire(block, timeout)
            except OwnerDied:
                pass

    def __enter__(self):
        return self.acquire()


class JoinableQueue(Queue, _standard.JoinableQueue):
    """A Queue that knows when all that was put has been done. What its process could not send is done."""

    def _when_gone(self, ctx):
        self._cond = Condition(_InOrder(ctx=ctx), ctx=ctx)
        return partial(_one_less, self._cond, self._unfinished_tasks)

    def join(self):
        if self._shared is None:
            super().join()
            return
        with self._cond:
            while not self._unfinished_tasks._semlock._is_zero():
                if not self._cond.wait(_LOOK):
                    while self._sem.recover():
                        pass


class SimpleQueue(_Survives, _standard.SimpleQueue):
    """A pipe with a lock at each end."""

    def __init__(self, *, ctx):
        super().__init__(ctx=ctx)
        self._share(ctx, _nothing)

    def get(self):
        if self._shared is None:
            return super().get()
        return _ForkingPickler.loads(self._receive(None))

    def put(self, obj):
        if self._shared is None:
            super().put(obj)
            return
        if self._shared[_BROKEN]:
            _tell(self._shared)
        data = _ForkingPickler.dumps(obj)
        writing = self._wlock
        writing.acquire()
        try:
            writing.send_bytes(data)
        finally:
            writing.release()


def __getattr__(name):
    return getattr(_standard, name)
