// A pool whose workers are on all nodes of a Slurm job. Slurm starts this very program on each node; its main() is not
// called there, its workers run the functions that they are given. It is linked with haid::cluster.
//
//     #!/bin/bash
//     #SBATCH --nodes=2 --ntasks-per-node=4
//     ./pool_on_nodes
//
//     $ sbatch pool_on_nodes.sh
//     8 workers
//     The sum of the squares is 328350
#include <cstdlib>
#include <haid/haid.hpp>
#include <iostream>
#include <numeric>
#include <ranges>

int square(int x) {
    return x * x;
}

int main() {
    const bool in_a_job = std::getenv("SLURM_JOB_ID") != nullptr;
    haid::Pool pool({.nodes = in_a_job ? "slurm" : ""});  // elsewhere: this machine
    std::cout << pool.workers() << " workers\n";

    auto squares = pool.map(square, std::views::iota(0, 100));
    std::cout << "The sum of the squares is " << std::accumulate(squares.begin(), squares.end(), 0) << '\n';
}
