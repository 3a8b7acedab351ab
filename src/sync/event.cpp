#include "haid/event.hpp"

#include <mutex>
#include <new>

#include "sync/robust_mutex.hpp"
#include "system/futex.hpp"

namespace haid {
namespace {

// The word: whether it is set, whether somebody may sleep (only while it is not set), and how often it was set.
constexpr std::uint32_t is_set_bit = 1;
constexpr std::uint32_t sleeper = 2;
constexpr std::uint32_t once = 4;

constexpr std::uint32_t times_set(std::uint32_t word) {
    return word / once;
}

}  // namespace

struct Event::State {
    system::FutexWord word;
    // Of those that set and clear. Others only set the sleeper bit meanwhile.
    sync::RobustMutex changing;
};

Event::Event() : memory_(sizeof(State)), state_(new(memory_.data()) State) {}

Event::~Event() = default;  // the state is other processes', too: nobody destroys it

void Event::set() {
    auto& word = state_->word;
    std::lock_guard changing(state_->changing);
    std::uint32_t now = word;
    if ((now & is_set_bit) != 0) return;
    while ((now & sleeper) == 0) {
        if (word.compare_exchange_weak(now, now + once + is_set_bit)) return;
    }
    system::add_and_wake(word, once + is_set_bit - sleeper, system::everybody);
}

void Event::clear() {
    std::lock_guard changing(state_->changing);
    state_->word.fetch_and(~is_set_bit);
}

bool Event::is_set() const noexcept {
    return (state_->word & is_set_bit) != 0;
}

bool Event::wait_until_deadline(const detail::Deadline& deadline) {
    auto& word = state_->word;
    std::uint32_t now = word;
    const auto before = times_set(now);
    for (bool in_time = true;; now = word) {
        if ((now & is_set_bit) != 0 || times_set(now) != before) return true;
        if (!in_time) return false;
        if ((now & sleeper) != 0 || word.compare_exchange_strong(now, now | sleeper)) {
            in_time = system::sleep_while(word, now | sleeper, deadline);
        }
    }
}

}  // namespace haid
