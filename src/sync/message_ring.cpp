#include "haid/detail/sync/message_ring.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include "haid/error.hpp"
#include "sync/robust_mutex.hpp"
#include "system/futex.hpp"

namespace haid::detail {
namespace {

// The words: whether somebody may sleep on it, whether the ring is closed, and a count.
constexpr std::uint32_t sleeper = 1;
constexpr std::uint32_t closed_bit = 2;
constexpr std::uint32_t once = 4;
constexpr std::uint32_t most_items = (std::uint32_t{1} << 30) - 1;  // what the count can tell apart

constexpr std::uint32_t count(std::uint32_t word) {
    return word / once;
}

constexpr std::size_t page = 4096;
constexpr std::size_t most_bytes = std::size_t{1} << 62;

using Length = std::uint64_t;

// What a message takes in the ring.
constexpr std::size_t footprint(std::size_t size) {
    return sizeof(Length) + (size + sizeof(Length) - 1) / sizeof(Length) * sizeof(Length);
}

// Who acts at an end does so for the time of a copy, but may be stopped meanwhile: for how long somebody whose time has
// passed waits for him. Without that, one that may not wait at all would be refused wherever others are at work.
constexpr std::chrono::milliseconds patience{100};

// For as long as it lives, nobody else acts at this end. false: somebody did until the deadline and for `patience`.
class Acting {
  public:
    Acting(sync::RobustMutex& mutex, const Deadline& deadline) : mutex_(mutex) {
        if (deadline.is_never()) {
            mutex_.lock();
            locked_ = true;
        } else {
            locked_ = mutex_.lock_until(Deadline::immediate()) || mutex_.lock_until(Deadline::after(patience)) ||
                      mutex_.lock_until(deadline);
        }
    }
    ~Acting() {
        if (locked_) mutex_.unlock();
    }
    Acting(const Acting&) = delete;
    Acting& operator=(const Acting&) = delete;
    explicit operator bool() const { return locked_; }

  private:
    sync::RobustMutex& mutex_;
    bool locked_;
};

// Counts, or closes, and wakes the one that sleeps in the same instant. Only one at a time may do this to a word;
// others only set the sleeper bit meanwhile.
void add(system::FutexWord& word, std::uint32_t what) {
    std::uint32_t now = word;
    while ((now & sleeper) == 0) {
        if (word.compare_exchange_weak(now, now + what)) return;
    }
    system::add_and_wake(word, static_cast<int>(what - sleeper), 1);
}

}  // namespace

struct MessageRing::State {
    // One end of the ring. `acting`: of those that put or take, for as long as that lasts. `turn`: of those that wait;
    // its holder is the only one that sleeps. If it is killed when it was woken, the kernel hands the turn to the next,
    // who sees why.
    struct End {
        sync::RobustMutex acting;
        sync::RobustMutex turn;
        // How many were put or taken. The other end sleeps on it.
        alignas(64) system::FutexWord word;
        // Where the next is put or taken, ever growing, at the index count % 2: the other one can be prepared before
        // the count makes it valid.
        std::atomic<std::uint64_t> position[2];

        struct Now {
            std::uint32_t count;
            std::uint64_t position;
        };
        // Without `acting`: both are of one instant.
        Now now() const {
            for (;;) {
                const std::uint32_t before = count(word);
                const std::uint64_t there = position[before % 2];
                if (count(word) == before) return {before, there};
            }
        }
        // With `acting`.
        void advance(const Now& from, std::size_t bytes) {
            position[(from.count + 1) % 2] = from.position + bytes;
            add(word, once);
        }
        bool closed() const { return (word & closed_bit) != 0; }
    };
    alignas(64) End putting;
    alignas(64) End getting;

    static std::size_t items(const End::Now& put, const End::Now& taken) {
        return (put.count - taken.count) & most_items;
    }

    // Calls `act` until it says that it has done its work, again whenever the other end has moved. Whether it has.
    template <class Act>
    static bool wait_for(End& end, End& other, const Deadline& deadline, Act act) {
        if (act()) return true;
        if (deadline.is_immediate()) return false;
        if (!end.turn.lock_until(deadline)) return act();
        std::lock_guard turn(end.turn, std::adopt_lock);
        for (bool in_time = true;;) {
            // Only who has looked in vain announces that it may sleep: the announcement costs the other end a call of
            // the kernel.
            if (act()) return true;
            if (!in_time) return false;
            const std::uint32_t seen = other.word.fetch_or(sleeper) | sleeper;
            if (act()) return true;
            in_time = system::sleep_while(other.word, seen, deadline);
        }
    }
};

MessageRing::MessageRing(std::size_t max_items, std::size_t capacity)
    : max_items_(max_items == 0 ? most_items : std::min<std::size_t>(max_items, most_items)),
      capacity_(capacity > most_bytes ? throw std::invalid_argument("haid: a queue cannot have so many bytes")
                                      : (std::max<std::size_t>(capacity, 1) + page - 1) / page * page),
      memory_(sizeof(State) + capacity_),
      state_(new(memory_.data()) State),
      ring_(static_cast<std::byte*>(memory_.data()) + sizeof(State)) {}

MessageRing::~MessageRing() = default;  // the state is other processes', too: nobody destroys it

void MessageRing::copy_in(std::uint64_t position, const void* data, std::size_t size) {
    if (size == 0) return;
    const std::size_t at = position % capacity_;
    const std::size_t first = std::min(size, capacity_ - at);
    std::memcpy(ring_ + at, data, first);
    std::memcpy(ring_, static_cast<const std::byte*>(data) + first, size - first);
}

void MessageRing::copy_out(std::uint64_t position, void* data, std::size_t size) const {
    if (size == 0) return;
    const std::size_t at = position % capacity_;
    const std::size_t first = std::min(size, capacity_ - at);
    std::memcpy(data, ring_ + at, first);
    std::memcpy(static_cast<std::byte*>(data) + first, ring_, size - first);
}

bool MessageRing::put_now(std::span<const std::byte> message, const Deadline& deadline) {
    const Acting acting(state_->putting.acting, deadline);
    if (!acting) return false;
    if (state_->putting.closed()) throw EndOfFile("haid: the queue is closed: nothing more can be put into it");
    const auto put = state_->putting.now();
    const auto taken = state_->getting.now();
    if (State::items(put, taken) >= max_items_) return false;
    const std::size_t bytes = footprint(message.size());
    if (put.position + bytes - taken.position > capacity_) return false;
    const Length length = message.size();
    copy_in(put.position, &length, sizeof length);
    copy_in(put.position + sizeof length, message.data(), message.size());
    state_->putting.advance(put, bytes);
    return true;
}

bool MessageRing::get_now(Buffer& message, const Deadline& deadline) {
    const Acting acting(state_->getting.acting, deadline);
    if (!acting) return false;
    const bool closed = state_->putting.closed();
    const auto taken = state_->getting.now();
    if (state_->putting.now().count == taken.count) {
        if (closed) throw EndOfFile("haid: the queue is closed, and everything put into it has been taken");
        return false;
    }
    Length length = 0;
    copy_out(taken.position, &length, sizeof length);
    copy_out(taken.position + sizeof length, message.renew(length), length);
    state_->getting.advance(taken, footprint(length));
    return true;
}

bool MessageRing::put(std::span<const std::byte> message, const Deadline& deadline) {
    if (message.size() > most_bytes || footprint(message.size()) > capacity_) {
        throw Error("haid: a value of " + std::to_string(message.size()) + " bytes does not fit into a queue of " +
                    std::to_string(capacity_) + " bytes (with " + std::to_string(sizeof(Length)) +
                    " bytes more for each value): make the queue with more capacity_bytes");
    }
    return State::wait_for(state_->putting, state_->getting, deadline, [&] { return put_now(message, deadline); });
}

bool MessageRing::get(Buffer& message, const Deadline& deadline) {
    return State::wait_for(state_->getting, state_->putting, deadline, [&] { return get_now(message, deadline); });
}

void MessageRing::close() {
    std::lock_guard putting(state_->putting.acting);
    if (state_->putting.closed()) return;
    std::lock_guard getting(state_->getting.acting);
    // Producers sleep on the word of the getting end. The one that counts comes last: who is killed before it has not
    // closed the queue.
    if (!state_->getting.closed()) add(state_->getting.word, closed_bit);
    add(state_->putting.word, closed_bit);
}

bool MessageRing::closed() const noexcept {
    return state_->putting.closed();
}

std::size_t MessageRing::size() const noexcept {
    const auto taken = state_->getting.now();  // first: what is taken was put
    return State::items(state_->putting.now(), taken);
}

bool MessageRing::full() const noexcept {
    const auto taken = state_->getting.now();
    const auto put = state_->putting.now();
    return State::items(put, taken) >= max_items_ || put.position + footprint(1) - taken.position > capacity_;
}

}  // namespace haid::detail
