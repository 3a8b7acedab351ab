// On a cluster a pool must be as large as what Slurm gave the job, not as the machine. There is nothing to do for it:
// haid::Pool looks at SLURM_CPUS_PER_TASK and its kin, and at everything else that restricts this program.
//
//     #!/bin/bash
//     #SBATCH --cpus-per-task=4
//     ./slurm_pool
//
//     $ sbatch slurm_pool.sh
//     4 workers, because of Slurm
//     The sum of the squares is 328350
#include <haid/haid.hpp>
#include <iostream>
#include <numeric>
#include <ranges>

int square(int x) {
    return x * x;
}

int main() {
    // Not haid::Pool pool(std::thread::hardware_concurrency()): a job with 4 CPUs would start 128 workers on a node of
    // 128, and they would be in each other's way. Not a number of your own either: the job script says it already.
    haid::Pool pool;

    // Only for you to see: which source of information decided.
    for (auto& source : haid::resources().cpu_sources) {
        if (source.decided) std::cout << pool.workers() << " workers, because of " << source.name << '\n';
    }

    auto squares = pool.map(square, std::views::iota(0, 100));
    std::cout << "The sum of the squares is " << std::accumulate(squares.begin(), squares.end(), 0) << '\n';
}
