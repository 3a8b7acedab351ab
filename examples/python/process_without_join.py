# Nobody calls join: what happens? The children are waited for all the same, but only where the program ends.
#
#     $ python process_without_join.py
#     main: the children were started, and I go on
#     main: the last line
#     child: Hello Aaron
#     child: Hello Bethan          (in any order)
#     child: Hello Carys
#     child: Hello Dylan
#     child: Hello Efa
import time

import haid as mp


def greet(name):
    time.sleep(0.1)  # so slow that main is ahead of it
    print("child: Hello", name)


if __name__ == "__main__":
    for name in ["Aaron", "Bethan", "Carys", "Dylan", "Efa"]:
        mp.Process(target=greet, args=(name,)).start()

    # flush: the line is to be out now. In a file it would wait for the end of this program, behind the children's.
    print("main: the children were started, and I go on", flush=True)
    print("main: the last line", flush=True)

    # A child that should not be waited for is a daemon: mp.Process(…, daemon=True). It is ended here.
