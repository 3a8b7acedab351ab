# How many processes make sense? As many as this program may use CPUs.
#
#     $ python cpu_count.py
#     The machine has 2 CPUs.
#     This program may use 2.
#
#     $ taskset -c 0 python cpu_count.py
#     The machine has 2 CPUs.
#     This program may use 1.
import os

import haid as mp

if __name__ == "__main__":
    print(f"The machine has {os.cpu_count()} CPUs.")

    # What is left after everything that restricts this program: taskset, containers, Slurm, another haid. A Pool() has
    # as many workers. (multiprocessing.cpu_count() is the machine's number, whatever this program was given.)
    print(f"This program may use {mp.cpu_count()}.")
