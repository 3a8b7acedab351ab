// Numbered places to run in; the lowest free one is taken first.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace haid::schedule {

using Slot = std::uint64_t;  // from 1

class Slots {
  public:
    explicit Slots(std::uint64_t limit) : limit_(limit) {}

    // Takes effect as places are given back, where more are taken than the new limit allows.
    void set_limit(std::uint64_t limit) { limit_ = limit; }
    std::uint64_t limit() const { return limit_; }
    std::uint64_t taken() const { return taken_; }
    bool available() const { return taken_ < limit_; }

    Slot take();  // requires available()
    void give_back(Slot slot);

  private:
    std::uint64_t limit_;
    std::uint64_t taken_ = 0;
    Slot highest_ = 0;
    std::priority_queue<Slot, std::vector<Slot>, std::greater<>> free_;
};

}  // namespace haid::schedule
