#!/bin/bash
#SBATCH --job-name=commands
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --time=00:05:00
#SBATCH --output=one_node.out

# A file of commands on one node, as many at a time as there are CPUs: the script as it is written for xargs or
# GNU parallel, with haid in their place.
time haid -k < commands.txt
