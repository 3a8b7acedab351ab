// How many CPUs there are, and how many of them are yours.
//
//     $ cpu_count
//     The machine has 64 CPUs.
//     This program may use 8.
//
//     … and why: what each source says, and which one decided
#include <haid/haid.hpp>
#include <iostream>

int main() {
    haid::Resources found = haid::resources();

    // What most programs take. On a shared machine it is wrong: the CPUs are there, but for others.
    std::cout << "The machine has " << found.threads << " CPUs.\n";

    // What is left after everything that restricts this program: taskset, containers, Slurm, another haid. A pool has
    // as many workers.
    std::cout << "This program may use " << haid::cpu_count() << ".\n\n";

    // Try it:  taskset -c 0 ./cpu_count        SLURM_CPUS_PER_TASK=1 SLURM_JOB_ID=1 ./cpu_count
    std::cout << found;
}
