"""A pool as large as what Slurm gave to the task."""
import os

import haid as mp  # as people write it: import multiprocessing as mp


def square(x):
    return x * x


if __name__ == "__main__":
    workers = int(os.environ.get("SLURM_CPUS_PER_TASK", mp.cpu_count()))
    with mp.Pool(workers) as pool:  # mp.Pool() does the same: it takes the CPUs that it may use
        print(sum(pool.map(square, range(1000))), "with", workers, "workers")
