#!/bin/bash
#SBATCH --job-name=squares
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --time=00:05:00
#SBATCH --output=squares.out

# module load python            # whatever makes Python and haid known on your cluster

srun --cpus-per-task="$SLURM_CPUS_PER_TASK" python squares.py
