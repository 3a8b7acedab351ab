#include "schedule/median.hpp"

#include <algorithm>
#include <functional>

namespace haid::schedule {

void Median::add(double value) {
    if (low_.empty() || value <= low_.front()) {
        low_.push_back(value);
        std::push_heap(low_.begin(), low_.end());
    } else {
        high_.push_back(value);
        std::push_heap(high_.begin(), high_.end(), std::greater<>());
    }
    balance();
    if (low_.size() + high_.size() > cap) thin_out();
}

std::optional<double> Median::value() const {
    if (low_.empty()) return std::nullopt;
    return low_.front();
}

// The lower half holds as many as the upper one, or one more.
void Median::balance() {
    if (low_.size() > high_.size() + 1) {
        std::pop_heap(low_.begin(), low_.end());
        high_.push_back(low_.back());
        low_.pop_back();
        std::push_heap(high_.begin(), high_.end(), std::greater<>());
    } else if (high_.size() > low_.size()) {
        std::pop_heap(high_.begin(), high_.end(), std::greater<>());
        low_.push_back(high_.back());
        high_.pop_back();
        std::push_heap(low_.begin(), low_.end());
    }
}

void Median::thin_out() {
    std::vector<double> all = std::move(low_);
    all.insert(all.end(), high_.begin(), high_.end());
    low_.clear();
    high_.clear();
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i < all.size(); i += 2) add(all[i]);
}

}  // namespace haid::schedule
