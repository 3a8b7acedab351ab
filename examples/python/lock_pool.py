# The workers of a pool print word by word. A Lock keeps the lines whole (lock_lines.py does it with Processes).
#
#     $ python lock_pool.py             $ python lock_pool.py without
#     item 0 done                       item item 0 1 done
#     item 1 done                       done
#     …                                 …
import contextlib
import sys
import time

import haid as mp


def set_lock(shared):
    global lock
    lock = shared


def print_item(number):
    with lock:
        for word in ["item ", f"{number} ", "done\n"]:
            print(word, end="", flush=True)  # each word is out at once
            time.sleep(0.002)


if __name__ == "__main__":
    shared = contextlib.nullcontext() if sys.argv[1:] == ["without"] else mp.Lock()

    # A lock cannot be sent with an item. The initializer gives it to each worker once, when the worker starts.
    with mp.Pool(2, initializer=set_lock, initargs=(shared,)) as pool:
        pool.map(print_item, range(10), chunksize=1)
