// Work that waits (for the network, for a disk, for other programs) needs no CPU: threads will do, many of them.
//
//     $ threads_wait
//     answers: 8
//     one after another: 0.8 s; with 8 threads: 0.1 s
#include <chrono>
#include <cstdio>
#include <haid/haid.hpp>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

// Stands for a question to a server that answers after a while.
std::string ask(int question) {
    std::this_thread::sleep_for(100ms);
    return "answer " + std::to_string(question);
}

int main() {
    // More threads than CPUs: that is fine where they sleep. For work that computes take a Pool.
    haid::ThreadPool pool(8);

    auto start = std::chrono::steady_clock::now();
    std::vector<std::string> answers = pool.map(ask, std::vector{1, 2, 3, 4, 5, 6, 7, 8});
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;

    std::printf("answers: %zu\n", answers.size());
    std::printf("one after another: 0.8 s; with 8 threads: %.1f s\n", took.count());
}
