# Four processes print three lines each, word by word. A Lock keeps the lines whole.
#
#     $ python lock_lines.py     $ python lock_lines.py without
#     one two three              one one two
#     one two three              two three
#     one two three              one three
import contextlib
import sys
import time

import haid as mp


def print_lines(lock):
    for _ in range(3):
        with lock:  # waits until nobody else holds it; lets go of it also where an exception passes
            for word in ["one ", "two ", "three\n"]:
                print(word, end="", flush=True)  # each word is out at once
                time.sleep(0.002)


if __name__ == "__main__":
    # One lock for all: each process is given the same.
    lock = contextlib.nullcontext() if sys.argv[1:] == ["without"] else mp.Lock()

    children = [mp.Process(target=print_lines, args=(lock,)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
