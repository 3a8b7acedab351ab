# On a cluster a pool must be as large as what Slurm gave the job, not as the machine.
#
#     #!/bin/bash
#     #SBATCH --cpus-per-task=4
#     python slurm_pool.py
#
#     $ sbatch slurm_pool.sh
#     4 workers
#     The sum of the squares is 328350
import os

import haid as mp


def square(x):
    return x * x


if __name__ == "__main__":
    # What the job script says, and outside Slurm what this program may use. Not os.cpu_count(): a job with 4 CPUs would
    # start 128 workers on a node of 128, and they would be in each other's way.
    workers = int(os.environ.get("SLURM_CPUS_PER_TASK", mp.cpu_count()))

    # With haid a Pool() without a number comes to the same: it looks at Slurm's variables by itself.
    with mp.Pool(workers) as pool:
        print(workers, "workers")
        print("The sum of the squares is", sum(pool.map(square, range(100))))
