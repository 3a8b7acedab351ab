#include "schedule/slots.hpp"

namespace haid::schedule {

Slot Slots::take() {
    ++taken_;
    if (free_.empty()) return ++highest_;
    Slot slot = free_.top();
    free_.pop();
    return slot;
}

void Slots::give_back(Slot slot) {
    --taken_;
    free_.push(slot);
}

}  // namespace haid::schedule
