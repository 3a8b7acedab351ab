// map reads all inputs before it begins and keeps all results; imap has a few of either at a time. That is memory.
//
//     $ imap_memory
//     imap: 400 results of 1 MiB, at most … MiB in memory
//     map:  400 results of 1 MiB, at most … MiB in memory
#include <fstream>
#include <haid/haid.hpp>
#include <iostream>
#include <ranges>
#include <string>

constexpr int count = 400;

// Something large; a picture, say.
std::string make_item(int i) {
    return std::string(std::size_t{1} << 20, static_cast<char>('a' + i % 26));
}

std::string process(std::string item) {
    for (char& c : item) c = static_cast<char>(c - 'a' + 'A');
    return item;
}

// The most that this process has had in memory so far, in MiB.
long peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        long kib = 0;
        if (word == "VmHWM:" && status >> kib) return kib / 1024;
    }
    return 0;
}

int main() {
    haid::Pool pool(2);

    // A generator: no item exists before somebody asks for it.
    auto items = std::views::iota(0, count) | std::views::transform(make_item);

    // At most 8 items are read ahead of what this loop has taken.
    int results = 0;
    for (auto& result : pool.imap(process, items, {.buffer_size = 8})) {
        results += result->size() == std::size_t{1} << 20;
    }
    std::cout << "imap: " << results << " results of 1 MiB, at most " << peak_memory() << " MiB in memory\n";

    // Here all items are made before the first is sent, and the vector of results holds as much again.
    auto all = pool.map(process, items);
    std::cout << "map:  " << all.size() << " results of 1 MiB, at most " << peak_memory() << " MiB in memory\n";
}
