"""A pool whose workers are on all nodes of the Slurm job."""
import os

import haid as mp


def where(x):
    return x * x, os.environ["SLURMD_NODENAME"]


if __name__ == "__main__":  # the program is imported on each node, as with multiprocessing's "spawn"
    with mp.Pool(nodes="slurm") as pool:
        results = pool.map(where, range(1000))
    print(sum(square for square, _ in results), "on", *sorted({node for _, node in results}))
