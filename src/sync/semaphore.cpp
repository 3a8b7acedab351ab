#include "haid/semaphore.hpp"

#include <algorithm>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include "haid/error.hpp"
#include "sync/robust_mutex.hpp"
#include "system/futex.hpp"

namespace haid {
namespace {

// The word: permits, and in the lowest bit whether somebody may sleep on it.
constexpr std::uint32_t sleeper = 1;
constexpr std::uint32_t permit = 2;
constexpr std::size_t permits_at_once = system::largest_addend / permit;

}  // namespace

// Only one waits on the word, the holder of `turn`; the others wait for the turn. So a release wakes one, and if that
// one is killed before it takes its permit, the kernel hands the turn to the next, who sees the permit.
struct Semaphore::State {
    system::FutexWord word;
    sync::RobustMutex turn;
    // Of those that release. Others only take permits and set the sleeper bit meanwhile.
    sync::RobustMutex releasing;
};

Semaphore::Semaphore(std::size_t initial, std::size_t limit) : memory_(sizeof(State)), limit_(limit) {
    if (initial > max) {
        throw std::invalid_argument("haid: a semaphore has at most " + std::to_string(max) + " permits, not " +
                                    std::to_string(initial));
    }
    state_ = new (memory_.data()) State;
    state_->word = static_cast<std::uint32_t>(initial) * permit;
}

Semaphore::~Semaphore() = default;  // the state is other processes', too: nobody destroys it

bool Semaphore::take(const detail::Deadline& deadline) {
    auto& word = state_->word;
    std::uint32_t now = word;
    auto taken = [&] {
        while (now >= permit) {
            if (word.compare_exchange_weak(now, now - permit)) return true;
        }
        return false;
    };
    if (taken()) return true;
    if (deadline.is_immediate()) return false;
    if (!state_->turn.lock_until(deadline)) {
        now = word;
        return taken();
    }
    std::lock_guard turn(state_->turn, std::adopt_lock);
    for (bool in_time = true;; now = word) {
        if (taken()) return true;
        if (!in_time) return false;
        if ((now & sleeper) != 0 || word.compare_exchange_strong(now, now | sleeper)) {
            in_time = system::sleep_while(word, sleeper, deadline);
        }
    }
}

void Semaphore::release(std::size_t permits) {
    auto& word = state_->word;
    std::lock_guard releasing(state_->releasing);
    if (const std::size_t there = word / permit; permits > limit_ - std::min(limit_, there)) {
        throw Error("haid: cannot release " + std::to_string(permits) + " permits of a semaphore that has " +
                    std::to_string(there) + " of at most " + std::to_string(limit_));
    }
    while (permits > 0) {
        std::uint32_t now = word;
        if ((now & sleeper) != 0) {
            const auto step = std::min(permits, permits_at_once);
            system::add_and_wake(word, static_cast<int>(step * permit - sleeper), 1);
            permits -= step;
        } else if (word.compare_exchange_strong(now, now + static_cast<std::uint32_t>(permits) * permit)) {
            permits = 0;
        }
    }
}

std::size_t Semaphore::value() const noexcept {
    return state_->word / permit;
}

}  // namespace haid
