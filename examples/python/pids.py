# Every process has a number, its pid, and knows that of its parent.
#
#     $ python pids.py
#     main:  my pid is 4711
#     child: my pid is 4712, my parent's is 4711
#     main:  my child's pid was 4712
import os

import haid as mp


def tell():
    # The operating system knows both.
    print(f"child: my pid is {os.getpid()}, my parent's is {os.getppid()}")


if __name__ == "__main__":
    print(f"main:  my pid is {os.getpid()}", flush=True)

    child = mp.Process(target=tell)
    child.start()
    child.join()

    # The Process knows it as well. While a process runs, no other has its pid; later it may be given out again.
    print(f"main:  my child's pid was {child.pid}")
