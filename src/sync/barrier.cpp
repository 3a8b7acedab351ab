#include "haid/barrier.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include "haid/error.hpp"
#include "sync/robust_mutex.hpp"
#include "system/futex.hpp"

namespace haid {
namespace {

// The phase: whether the barrier is broken, and the number of the round.
constexpr std::uint32_t broken_bit = 1;
constexpr std::uint32_t round = 2;

constexpr std::uint32_t number(std::uint32_t phase) {
    return phase / round;
}

[[noreturn]] void throw_broken(const char* why) {
    throw BrokenBarrier(std::string("haid: the barrier is broken: ") + why);
}

}  // namespace

// A round ends with one change of `phase`, together with the wake-up of all that sleep on it. What else there is
// belongs to a round and is written before, so that a process may be killed in between.
struct Barrier::State {
    sync::RobustMutex changing;
    system::FutexWord phase;
    // How many have arrived, with the number of their round in the upper half: in the next round it counts for nothing.
    std::atomic<std::uint64_t> arrived;
    // How the last 64 rounds ended, for those that wake up late: a bit each, set where it was broken.
    std::atomic<std::uint64_t> ends;

    std::uint32_t arrived_in(std::uint32_t number) const {
        const std::uint64_t value = arrived;
        return value >> 32 == number ? static_cast<std::uint32_t>(value) : 0;
    }
    static std::uint64_t bit(std::uint32_t number) { return std::uint64_t{1} << number % 64; }
    bool ended_broken(std::uint32_t number) const { return (ends & bit(number)) != 0; }

    // These three with `changing` held.
    void complete() {
        ends &= ~bit(number(phase));
        system::add_and_wake(phase, round, system::everybody);
    }
    void break_round(std::uint32_t broken) {
        ends |= bit(number(phase));
        system::add_and_wake(phase, static_cast<int>(round + broken), system::everybody);
    }
    void abort() {
        if ((phase & broken_bit) == 0) break_round(broken_bit);
    }
};

Barrier::Barrier(std::size_t parties) : memory_(sizeof(State)), parties_(parties) {
    if (parties == 0 || parties > (std::size_t{1} << 31)) {
        throw std::invalid_argument("haid: a barrier of " + std::to_string(parties) + " parties cannot be");
    }
    state_ = new (memory_.data()) State;
}

Barrier::~Barrier() = default;  // the state is other processes', too: nobody destroys it

std::size_t Barrier::arrive(const detail::Deadline& deadline) {
    std::unique_lock changing(state_->changing);
    const std::uint32_t phase = state_->phase;
    if ((phase & broken_bit) != 0) throw_broken("reset it to use it again");
    const auto mine = number(phase);
    const auto before = state_->arrived_in(mine);
    if (before + 1 == parties_) {
        state_->complete();
        return before;
    }
    state_->arrived = std::uint64_t{mine} << 32 | (before + 1);
    changing.unlock();

    while (state_->phase == phase) {
        if (system::sleep_while(state_->phase, phase, deadline)) continue;
        changing.lock();
        if (state_->phase == phase) {
            state_->abort();
            throw_broken("not everybody came within the time limit of this wait");
        }
        changing.unlock();
    }
    if (state_->ended_broken(mine)) throw_broken("it was aborted or reset, or somebody waited for too long");
    return before;
}

void Barrier::abort() {
    std::lock_guard changing(state_->changing);
    state_->abort();
}

void Barrier::reset() {
    std::lock_guard changing(state_->changing);
    const std::uint32_t phase = state_->phase;
    if ((phase & broken_bit) != 0) {
        state_->phase = phase & ~broken_bit;
    } else if (state_->arrived_in(number(phase)) != 0) {
        state_->break_round(0);
    }
}

std::size_t Barrier::waiting() const noexcept {
    return state_->arrived_in(number(state_->phase));
}

bool Barrier::broken() const noexcept {
    return (state_->phase & broken_bit) != 0;
}

}  // namespace haid
