#!/bin/bash
#SBATCH --job-name=nodes
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2
#SBATCH --time=00:05:00
#SBATCH --no-kill                  # a node that is lost does not end the others
#SBATCH --output=pool_on_nodes.out

# module load python            # whatever makes Python and haid known on your cluster

python pool_on_nodes.py         # without srun: haid starts its own
