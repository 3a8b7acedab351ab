// Which worker did what?
//
//     $ worker_identity
//     Aaron was greeted by process 4713
//     Bethan was greeted by process 4714
//     Carys was greeted by process 4713
//     Dylan was greeted by process 4714
//     2 workers, and main is process 4711
#include <unistd.h>

#include <chrono>
#include <haid/haid.hpp>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Results can be whatever the codec knows: here the name, and the pid of the process that ran this.
std::pair<std::string, pid_t> greet(std::string name) {
    // A little work: else the first worker would be done with all of it before the second one is awake.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return {name, getpid()};
}

int main() {
    haid::Pool pool(2);  // two workers, however many CPUs there are

    std::vector<std::string> names = {"Aaron", "Bethan", "Carys", "Dylan"};
    for (auto& [name, pid] : pool.map(greet, names)) {
        std::cout << name << " was greeted by process " << pid << '\n';
    }
    std::cout << pool.workers() << " workers, and main is process " << getpid() << '\n';
}
