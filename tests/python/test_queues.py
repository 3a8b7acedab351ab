"""Whoever of those that use a queue is killed or stopped: the others go on, or are told, and time limits hold."""
import fcntl
import os
import pickle
import signal
import struct
import termios
import time
from queue import Empty

import pytest

import haid

pytestmark = pytest.mark.timeout(100)

KINDS = [haid.Queue, haid.JoinableQueue, haid.SimpleQueue]
WITH_LIMITS = [haid.Queue, haid.JoinableQueue]
LARGE = 50_000_000


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def bytes_in(queue):
    return struct.unpack("i", fcntl.ioctl(queue._reader.fileno(), termios.FIONREAD, bytes(4)))[0]


def taken(lock):
    if not lock.acquire(False):
        return True
    lock.release()
    return False


def put(queue, item):
    queue.put(item)


class Child:
    """A process that is killed at the end of a with-block at the latest."""

    def __init__(self, function, *arguments):
        self.process = haid.Process(target=function, args=arguments)

        self.process.start()

    def __enter__(self):
        return self

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        self.process.kill()
        self.process.join()

    def __exit__(self, *error):
        self.kill()


def putting_half(queue):
    """A process that has put about as much of a large item as the pipe takes."""
    child = Child(put, queue, b"x" * LARGE)
    wait_until(lambda: bytes_in(queue) > 50_000)
    return child


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_that_is_killed_while_it_waits_harms_nobody(kind):
    queue = kind()
    for item in range(3):
        with Child(queue.get) as reader:
            wait_until(lambda: queue._rlock._semlock._get_value() == 0)
            reader.kill()
        queue.put(item)
        assert queue.get() == item


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_that_is_killed_while_it_takes_an_item_is_told(kind):
    queue = kind()
    with putting_half(queue) as writer:
        writer.signal(signal.SIGSTOP)
        with Child(queue.get) as reader:
            wait_until(lambda: bytes_in(queue) == 0)
            reader.kill()
        for _ in range(2):
            with pytest.raises(haid.QueueBroken, match="all that were put after it are lost"):
                queue.get()
            with pytest.raises(haid.QueueBroken):
                queue.put(1)


@pytest.mark.parametrize("kind", WITH_LIMITS)
@pytest.mark.parametrize("begun", [False, True], ids=["before it is taken", "while it is taken"])
def test_an_item_whose_writer_is_killed_is_not_there(kind, begun):
    queue = kind(2)
    queue.put("before")
    wait_until(lambda: bytes_in(queue) > 0)
    with putting_half(queue) as writer:
        if begun:
            assert queue.get(timeout=60) == "before"
            writer.signal(signal.SIGSTOP)
            with pytest.raises(Empty):
                queue.get(timeout=0.01)
        writer.kill()
    if not begun:
        assert queue.get(timeout=60) == "before"
    began = time.monotonic()
    with pytest.raises(Empty):
        queue.get(timeout=1)
    assert time.monotonic() - began < 30
    for item in ("a", "b"):  # there is room for two again
        queue.put(item, timeout=60)
    assert [queue.get(timeout=60) for _ in range(2)] == ["a", "b"]
    if kind is haid.JoinableQueue:
        for _ in range(3):
            queue.task_done()
        queue.join()


@pytest.mark.parametrize("kind", KINDS)
def test_who_puts_after_a_writer_that_was_killed_loses_nothing(kind):
    queue = kind()
    putting_half(queue).kill()
    with Child(put, queue, "next"):
        assert queue.get() == "next"


@pytest.mark.parametrize("kind", KINDS)
def test_a_writer_that_is_killed_before_it_has_written_anything_harms_nobody(kind):
    queue = kind()
    fcntl.fcntl(queue._writer.fileno(), fcntl.F_SETPIPE_SZ, 4096)
    filling = b"x" * (4000 - len(pickle.dumps(b"x" * 4000)) + 4092)
    queue.put(filling)
    wait_until(lambda: bytes_in(queue) == 4096)
    with Child(put, queue, b"x" * LARGE) as writer:
        wait_until(lambda: taken(queue._wlock))
        writer.kill()
    assert queue.get() == filling
    queue.put("next")
    assert queue.get() == "next"


@pytest.mark.parametrize("kind", WITH_LIMITS)
def test_time_limits_hold_where_a_writer_is_stopped_and_the_item_comes_when_it_goes_on(kind):
    queue = kind()
    with putting_half(queue) as writer:
        writer.signal(signal.SIGSTOP)
        for wait in ({"timeout": 0.1}, {"block": False}):
            began = time.monotonic()
            with pytest.raises(Empty):
                queue.get(**wait)
            assert time.monotonic() - began < 30
        writer.signal(signal.SIGCONT)
        assert len(queue.get(timeout=60)) == LARGE


def gets_nothing(queue, answer):
    try:
        queue.get(timeout=0.1)
    except Empty:
        answer.send("empty")


def test_others_wait_for_an_item_that_one_has_begun_to_take_and_are_told_when_it_gives_up():
    queue = haid.Queue()
    here, there = haid.Pipe()
    with putting_half(queue) as writer:
        writer.signal(signal.SIGSTOP)
        with Child(queue.get, True, 0.1) as reader:
            wait_until(lambda: bytes_in(queue) == 0)
            with Child(gets_nothing, queue, there):
                assert here.poll(60) and here.recv() == "empty"
            reader.process.join(60)
        with pytest.raises(haid.QueueBroken):
            queue.get(timeout=60)


def put_some(queue, connection):
    for item in range(3):
        queue.put(item)
    connection.send("put")
    time.sleep(600)


@pytest.mark.parametrize("kind", WITH_LIMITS)
def test_what_a_killed_process_had_put_and_not_sent_makes_room(kind):
    queue = kind(20)
    here, there = haid.Pipe()
    for _ in range(25):
        with queue._wlock:  # nobody can send
            with Child(put_some, queue, there) as writer:
                assert here.poll(60) and here.recv() == "put"
                writer.kill()
    for item in range(20):
        queue.put(item, timeout=60)
    assert [queue.get(timeout=60) for _ in range(20)] == list(range(20))
    if kind is haid.JoinableQueue:
        for _ in range(20):
            queue.task_done()
        queue.join()


def put_for_ever(queue):
    while True:
        queue.put("x" * 1000)


@pytest.mark.parametrize("kind", WITH_LIMITS)
def test_a_queue_has_all_its_room_after_writers_were_killed_at_any_instant(kind):
    queue = kind(20)
    for round in range(30):
        with Child(put_for_ever, queue) as writer:
            for _ in range(round):
                assert len(queue.get(timeout=60)) == 1000
            writer.kill()
    with pytest.raises(Empty):
        while True:
            queue.get(timeout=1)
    for item in range(20):
        queue.put(item, timeout=60)
    assert [queue.get(timeout=60) for _ in range(20)] == list(range(20))


def hold(semaphore, connection):
    with semaphore:
        connection.send("held")
        time.sleep(600)


@pytest.mark.parametrize("kind", [haid.Semaphore, haid.BoundedSemaphore])
def test_what_a_process_that_is_killed_held_of_a_semaphore_is_given_back(kind):
    semaphore = kind(2)
    here, there = haid.Pipe()
    with Child(hold, semaphore, there), Child(hold, semaphore, there):
        assert here.recv() == here.recv() == "held"
        assert not semaphore.acquire(timeout=0.3), "both live"
    for _ in range(2):
        assert semaphore.acquire(timeout=60)
    assert not semaphore.acquire(False)
    for _ in range(2):
        semaphore.release()
    with semaphore, semaphore:
        assert not semaphore.acquire(False)
    assert semaphore.get_value() == 2


def test_what_was_acquired_to_be_released_by_others_stays_acquired():
    semaphore = haid.Semaphore(1)
    process = haid.Process(target=semaphore.acquire)
    process.start()
    process.join()
    assert not semaphore.acquire(timeout=0.3)
    semaphore.release()
    assert semaphore.acquire(timeout=60)
