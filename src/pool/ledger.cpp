#include "pool/ledger.hpp"

namespace haid::pool {
namespace {

std::uint64_t number_of(std::uint32_t index, std::uint32_t generation) {
    return static_cast<std::uint64_t>(generation) << 32 | index;
}

}  // namespace

std::uint64_t Ledger::add(const Task& task) {
    std::uint32_t index = 0;
    if (free_.empty()) {
        index = static_cast<std::uint32_t>(tasks_.size());
        tasks_.emplace_back();
    } else {
        index = free_.back();
        free_.pop_back();
    }
    std::uint32_t generation = tasks_[index].generation + 1;
    tasks_[index] = task;
    tasks_[index].generation = generation == 0 ? 1 : generation;
    return number_of(index, tasks_[index].generation);
}

bool Ledger::knows(std::uint64_t number) const {
    if (index_of(number) >= tasks_.size()) return false;
    const Task& task = tasks_[index_of(number)];
    return task.call != nullptr && task.generation == static_cast<std::uint32_t>(number >> 32);
}

void Ledger::remove(std::uint64_t number) {
    tasks_[index_of(number)].call = nullptr;
    free_.push_back(index_of(number));
}

std::vector<std::uint64_t> Ledger::of(const ActiveCall& call) const {
    std::vector<std::uint64_t> numbers;
    for (std::uint32_t index = 0; index < tasks_.size(); ++index) {
        if (tasks_[index].call == &call) numbers.push_back(number_of(index, tasks_[index].generation));
    }
    return numbers;
}

}  // namespace haid::pool
