#include "remote/assignments.hpp"

#include <algorithm>

#include "haid/codec.hpp"

namespace haid::remote {
namespace {

// Each part of a task that is given again is sent with the input of the whole task: so much more is sent at most.
constexpr std::size_t most_sent_again = 64 << 20;

std::size_t items_in_a_part(const Task& task) {
    const std::size_t parts = std::max<std::size_t>(most_sent_again / std::max<std::size_t>(task.input->size(), 1), 1);
    return (task.open.size() + parts - 1) / parts;
}

}  // namespace

Task Task::part(std::size_t at, std::size_t behind) const {
    Task result = *this;
    result.from = static_cast<std::uint32_t>(from + at);
    result.open.assign(behind - at, true);
    result.left = static_cast<std::uint32_t>(behind - at);
    return result;
}

void Task::require_open(std::uint64_t first_item, std::uint32_t count) const {
    const std::uint64_t at = first_item - begin();
    if (count == 0 || at >= open.size() || count > open.size() - at) {
        throw DecodeError("haid: results of items that were not given");
    }
    const auto from_there = open.begin() + static_cast<std::ptrdiff_t>(at);
    if (std::find(from_there, from_there + count, false) != from_there + count) {
        throw DecodeError("haid: an item came to two ends");
    }
}

bool Assignments::has_any_of(const ActiveCall& call) const {
    const auto any = tasks_.lower_bound({call.number, 0});
    return any != tasks_.end() && any->first.first == call.number;
}

// Where it is not known how long items take, one for each worker and some more: they may be long.
bool Assignments::has_room() const {
    const auto workers = static_cast<std::uint64_t>(workers_);
    return workers > 0 && (items_ < workers + 1 + workers / 8 || work_ < work_ready * workers_);
}

void Assignments::add(Task task) {
    items_ += task.left;
    work_ += task.left * task.item_time;
    if (task.losses > 0) ++suspects_;
    const auto key = std::pair(task.call->number, task.begin());
    tasks_.insert_or_assign(key, std::move(task));
}

Task* Assignments::find(std::uint64_t call, std::uint64_t item) {
    auto behind = tasks_.upper_bound({call, item});
    if (behind == tasks_.begin()) return nullptr;
    auto& [key, task] = *std::prev(behind);
    return key.first == call && item < task.end() ? &task : nullptr;
}

void Assignments::resolve(Task& task, std::uint64_t first, std::uint32_t count) {
    const auto begin = task.open.begin() + static_cast<std::ptrdiff_t>(first - task.begin());
    std::fill_n(begin, count, false);
    task.left -= count;
    forget(task, count);
    if (task.left == 0) erase(tasks_.find({task.call->number, task.begin()}));
}

void Assignments::forget(const Task& task, std::uint32_t items) {
    items_ -= items;
    work_ = items_ == 0 ? 0 : work_ - items * task.item_time;
}

Assignments::Tasks::iterator Assignments::erase(Tasks::iterator task) {
    if (task->second.losses > 0) --suspects_;
    return tasks_.erase(task);
}

void Assignments::drop(const ActiveCall& call) {
    for (auto at = tasks_.lower_bound({call.number, 0}); at != tasks_.end() && at->first.first == call.number;
         at = erase(at)) {
        forget(at->second, at->second.left);
    }
}

std::vector<Task> Assignments::take_back() {
    std::vector<Task> parts;
    for (auto& [key, task] : tasks_) {
        if (task.call->cancelled) continue;
        ++task.losses;
        const std::size_t most = items_in_a_part(task);
        for (std::size_t at = 0; at < task.open.size();) {
            std::size_t behind = at;
            while (behind < task.open.size() && behind - at < most && task.open[behind]) ++behind;
            if (behind > at) parts.push_back(task.part(at, behind));
            at = std::max(behind, at + 1);
        }
    }
    tasks_.clear();
    items_ = 0;
    work_ = 0;
    suspects_ = 0;
    return parts;
}

}  // namespace haid::remote
