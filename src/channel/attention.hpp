// Waking the parent, and the parent's sleep.
//
// Tiny tasks would cost a wake-up each (some 9 µs) where a result costs 0.1 µs. So the parent first naps: for a short
// time it is woken only for much, or by a worker that has nothing left to do. Only then it sleeps, and is woken for
// anything: no result lies about for longer than a nap.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "channel/segment.hpp"
#include "system/event_loop.hpp"

namespace haid::channel {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

// How long to look before sleeping. Being woken takes some 9 µs on a CPU that works and 45 on one that had nothing to
// do: with a CPU to spare, a call of one small task takes 6 to 20 µs in place of 95. Where every CPU has work, looking
// for so long costs 2.5 % of it.
inline constexpr std::chrono::microseconds patience{40};
inline constexpr std::chrono::microseconds patience_of_the_busy{3};

// Looks for a while, on either side, before its caller sleeps. Whether `there` came true.
template <class Predicate>
bool comes_soon(std::chrono::microseconds how_long, Predicate there) {
    if (there()) return true;
    const auto until = std::chrono::steady_clock::now() + how_long;
    do {
        for (int i = 0; i < 16; ++i) {
            relax();
            if (there()) return true;
        }
    } while (std::chrono::steady_clock::now() < until);
    return false;
}

// The worker's side.
class ParentBell {
  public:
    ParentBell(Segment& segment, int event);
    // `urgent`: also where the parent naps.
    void ring(bool urgent);
    // What ran in this process has closed the descriptor, or has another file under its number, which is left alone:
    // the parent cannot be woken from here any more.
    bool is_lost() const { return lost_; }

  private:
    struct File {
        dev_t device = 0;
        ino_t number = 0;
        bool operator==(const File&) const = default;
    };
    static std::optional<File> file_of(int descriptor);

    Futex& parent_;
    int event_;
    std::optional<File> file_;  // that the descriptor was at first
    bool lost_ = false;
};

// The parent's side. One thread at a time.
class ParentSleep {
  public:
    explicit ParentSleep(Segment& segment);

    // For the workers' bells.
    int event() const { return event_.get(); }
    // Sleeps until there is news, one of `others` is readable, or `until`. `nothing_new` is asked before each sleep.
    // What `others` had is left in their revents.
    void sleep(std::vector<pollfd>& others, std::optional<system::Time> until,
               const std::function<bool()>& nothing_new);
    // Wakes the sleeper from another thread, or keeps it from its next sleep.
    void interrupt();

  private:
    enum class Ended { news, time };
    Ended sleep_as(std::uint32_t how, std::vector<pollfd>& others, std::optional<system::Time> until,
                   const std::function<bool()>& nothing_new);

    Futex& parent_;
    system::Descriptor event_;
};

}  // namespace haid::channel
