#!/bin/bash
#SBATCH --job-name=commands
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2
#SBATCH --time=00:05:00
#SBATCH --no-kill                  # a node that is lost does not end the others
#SBATCH --requeue                  # haid may put the job back into the queue …
#SBATCH --open-mode=append         # … and what it wrote before stays
#SBATCH --output=several_nodes.out

# The same line on all nodes. What the time limit does not leave room for is done when the job runs again.
time haid -k --until-done --joblog commands.log < commands.txt
