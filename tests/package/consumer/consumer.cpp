// Uses something of every room that the installed archive is made of.
#include <haid/haid.hpp>
#include <iostream>
#include <mutex>
#include <vector>

int answer();  // in other.cpp: the headers are included twice

int main() {
    haid::Lock lock;
    haid::Queue<int> queue;
    haid::Value<int> value(0);
    haid::Process child([&] {
        std::scoped_lock guard(lock);
        queue.put(answer());
        value = 1;
    });
    child.start();
    child.join();

    haid::Pool pool(2);
    haid::ThreadPool threads(2);
    auto twice = [](int x) { return 2 * x; };
    std::cout << queue.get() << ' ' << value.load() << ' ' << pool.map(twice, std::vector{1, 2}).back() << ' '
              << threads.map(twice, std::vector{3}).back() << ' ' << haid::map(twice, std::vector{4}).back() << ' '
              << (haid::cpu_count() > 0) << '\n';
}
