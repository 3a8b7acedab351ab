# Which worker did what?
#
#     $ python worker_identity.py
#     MainProcess has a pool of 2
#     ForkPoolWorker-1 greets Aaron
#     ForkPoolWorker-2 greets Bethan          (in any order)
#     ForkPoolWorker-1 greets Carys
#     …
import time

import haid as mp


def greet(name):
    # A little work: else the first worker would be done with all of it before the second one is awake.
    time.sleep(0.01)
    print(mp.current_process().name, "greets", name)


if __name__ == "__main__":
    with mp.Pool(2) as pool:  # two workers, however many CPUs there are
        print(mp.current_process().name, "has a pool of 2", flush=True)
        pool.map(greet, ["Aaron", "Bethan", "Carys", "Dylan", "Efa", "Ffion", "Gwen", "Huw"], chunksize=1)
