// pool_victim KIND WORKERS ITEMS: what a campaign breaks at the library's door. Each item leaves a file done/ITEM.PID
// when it has run; a line "ITEM VALUE" or "ITEM lost" tells what became of it, "end" that all is told.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <haid/haid.hpp>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

// Their waits double: 4 s in all, where nothing ever works.
const haid::CallOptions stubborn{.retries = 12, .backoff = std::chrono::milliseconds(1)};

int work(int item) {
    const std::string mark = "done/" + std::to_string(item) + "." + std::to_string(::getpid());
    const int file = ::open(mark.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    if (file < 0) throw std::system_error(errno, std::generic_category(), mark);
    ::close(file);
    std::this_thread::sleep_for(std::chrono::milliseconds(item % 8));
    return item * item;
}

void tell(const std::vector<int>& values) {
    for (std::size_t item = 0; item < values.size(); ++item) std::cout << item << ' ' << values[item] << '\n';
}

void one_after_another(haid::Pool& pool, const std::vector<int>& items) {
    for (haid::Result<int>& result : pool.imap_unordered(work, items)) {
        std::cout << result.index() << ' ' << (result ? std::to_string(*result) : "lost") << '\n';
    }
}

void in_processes(int workers, const std::vector<int>& items) {
    std::vector<std::unique_ptr<haid::Process>> processes;
    for (int worker = 0; worker < workers; ++worker) {
        processes.push_back(std::make_unique<haid::Process>([worker, workers, &items] {
            for (std::size_t i = worker; i < items.size(); i += workers) work(items[i]);
        }));
        processes.back()->start();
    }
    for (int worker = 0; worker < workers; ++worker) {
        processes[worker]->join();
        const bool whole = processes[worker]->exit_code() == 0;
        for (std::size_t i = worker; i < items.size(); i += workers) {
            std::cout << i << ' ' << (whole ? std::to_string(items[i] * items[i]) : "lost") << '\n';
        }
    }
}

void run(const std::string& kind, int workers, const std::vector<int>& items) {
    if (kind == "process") return in_processes(workers, items);
    if (kind == "forked") {
        return tell(haid::map([&](int item) { return work(items[item]); }, items,
                              {.workers = workers, .retries = stubborn.retries, .backoff = stubborn.backoff}));
    }
    haid::Pool pool(workers);
    if (kind == "imap") return one_after_another(pool, items);
    if (kind == "later") return tell(pool.map_async(work, items, stubborn).get());
    tell(pool.map(work, items, stubborn));
}

}  // namespace

int main(int count, char** words) {
    if (count != 4) {
        std::cerr << "pool_victim map|imap|later|forked|process WORKERS ITEMS\n";
        return 2;
    }
    std::vector<int> items(std::stoi(words[3]));
    std::iota(items.begin(), items.end(), 0);
    try {
        run(words[1], std::stoi(words[2]), items);
        std::cout << "end" << std::endl;
    } catch (const std::exception& error) {
        std::cerr << "pool_victim: " << error.what() << '\n';
        return 1;
    }
    return std::cout ? 0 : 1;
}
