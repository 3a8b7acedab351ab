// Tasks on their way to whichever worker is free: a bounded queue with one writer and many takers.
//
// A worker claims with one compare-and-swap that carries its number, so that the parent of a worker that died sees what
// it had claimed. Costs some 20 ns a task where nobody contends.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "channel/segment.hpp"

namespace haid::channel {

// A range of a task that no worker has begun.
struct Unstarted {
    std::uint64_t task;
    std::uint32_t from, to;
};

// The parent's side. One thread at a time.
class BoardWriter {
  public:
    explicit BoardWriter(Segment& segment) : segment_(segment) {}

    // Whether another slot can be filled now.
    bool has_room() const;
    // Fills in everything but the state. Visible to the workers only after publish().
    Slot& add();
    // Shows the workers what was added and wakes as many as there are new slots.
    void publish();
    // Takes back what nobody has claimed of the tasks that `unwanted` names.
    std::vector<Unstarted> withdraw(const std::function<bool(std::uint64_t task)>& unwanted);
    // What a dead worker had claimed and not yet copied; it is withdrawn.
    std::optional<Unstarted> claimed_by(std::size_t worker);
    std::uint64_t unclaimed() const;

  private:
    Segment& segment_;
    std::uint64_t next_ = 0;       // position of the next slot to fill
    std::uint64_t published_ = 0;  // positions below it can be seen
};

// What a worker knows of the slot that it has claimed.
struct Claimed {
    std::uint64_t task, function, context, first, input;
    std::uint32_t size, from, to, flags;
};

// A worker's side: claims the oldest slot. `record` is called with it before it becomes invisible to claimed_by, so
// that it is always written down somewhere. False: there is none.
bool claim(Segment& segment, std::size_t worker, const std::function<void(const Claimed&)>& record);

// Sleeps until something is published or the pool closes. `worker` has nothing to do.
void sleep_until_published(Segment& segment, std::size_t worker);
// After a worker's death: as if it had woken up.
void forget_sleeper(Segment& segment, std::size_t worker);

}  // namespace haid::channel
