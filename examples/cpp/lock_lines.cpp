// Four processes print three lines each, word by word. A Lock keeps the lines whole.
//
//     $ lock_lines               $ lock_lines without
//     one two three              one one two
//     one two three              two three
//     one two three              one three
#include <chrono>
#include <haid/haid.hpp>
#include <iostream>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

void print_line() {
    for (const char* part : {"one ", "two ", "three\n"}) {
        std::cout << part << std::flush;  // each word is out at once
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

int main(int argc, char** argv) {
    bool with_lock = argc < 2 || std::string_view(argv[1]) != "without";

    // Made before the processes are started: they inherit it, and it is one and the same for all.
    haid::Lock lock;

    auto print_lines = [&] {
        for (int i = 0; i < 3; ++i) {
            std::unique_lock guard(lock, std::defer_lock);
            if (with_lock) guard.lock();  // waits until nobody else holds it
            print_line();
        }  // `guard` lets go of it here, also where print_line throws
    };

    std::vector<haid::Process> children;
    for (int i = 0; i < 4; ++i) children.emplace_back(print_lines);
    for (auto& child : children) child.start();
    for (auto& child : children) child.join();
}
