// A call that is under way, as the engines on processes, threads and nodes share it: the one place in which it is told,
// and whoever listens beside it, how its items end; and what that means for the rest of it. Used under the engine's
// lock. Where nobody listens the event is not made.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "channel/layout.hpp"
#include "haid/detail/pool/call.hpp"
#include "haid/error.hpp"
#include "schedule/chunking.hpp"

namespace haid::pool {

class CallUnderWay {
  public:
    explicit CallUnderWay(std::shared_ptr<detail::Call> told) : call(std::move(told)) {}

    const detail::Limits& limits() const { return call->limits(); }
    bool is_told() const { return !cancelled || call->wants_what_had_begun(); }

    // Items of an attempt that has ended.
    struct Ended {
        std::uint64_t first;
        std::uint64_t count = 1;
        std::chrono::nanoseconds took{0};  // together; 0: not known
        std::int64_t worker = -1;          // -1: not known
        std::string_view host{};           // empty: this machine
        std::uint64_t attempt = 0;         // 0: as counted here
    };
    // What follows.
    struct Verdict {
        bool goes_on = true;                                    // else it is to be cancelled
        std::optional<std::chrono::nanoseconds> again_after{};  // the item is to be tried once more, so much later
    };

    // They have values: `take` gives them to the call, and counts those that it has taken. Of those behind, if they
    // cannot be decoded, that is the error; what else is thrown ends the call.
    template <class Take>
    Verdict values(const Ended& ended, Take take) {
        pace.took(ended.took, ended.count);
        Verdict verdict;
        if (is_told()) {
            std::uint32_t decoded = 0;
            try {
                take(*call, decoded);
                if (call->listener() != nullptr) tell(ended, nullptr, false);
            } catch (const DecodeError& error) {
                cannot_be_decoded(ended, decoded, error);
            } catch (...) {
                // The caller's memory is at its end, or his own code has thrown.
                call->aborted(std::current_exception());
                verdict.goes_on = false;
            }
        }
        if (!failures_.empty()) forget_failures(ended);
        return verdict;
    }
    // The item has failed, and is tried again if it has attempts left.
    Verdict failed(const Ended& ended, const std::exception_ptr& error);
    // The item has failed, whatever it has left.
    Verdict failed_for_good(const Ended& ended, const std::exception_ptr& error);
    // The item has failed where that is judged (on a node), and is tried again there.
    void failed_at_first(const Ended& ended, const std::exception_ptr& error);

    // Items for its next task, as the caller has said or else by the rule.
    std::uint32_t next_chunk(const schedule::Chunking& rule) const {
        if (limits().one_at_a_time) return 1;
        if (limits().chunk_size != 0) return std::min(limits().chunk_size, channel::most_items);
        if (pace.item_time() == 0) return 1;  // and how many are left is not asked for
        return rule.next(pace.item_time(), last_chunk, call->remaining());
    }

    const std::shared_ptr<detail::Call> call;
    std::uint64_t next_item = 0;   // index of the next one that fill() will give
    std::uint64_t open = 0;        // items handed out and not resolved
    std::uint32_t last_chunk = 0;  // items in the last task
    bool cancelled = false;
    schedule::Pace pace;

  private:
    void tell(const Ended& ended, const std::exception_ptr* error, bool again) const;
    void cannot_be_decoded(const Ended& ended, std::uint32_t decoded, const DecodeError& error) const;
    std::uint64_t attempt_of(std::uint64_t item) const;
    void forget_failures(const Ended& ended);

    std::map<std::uint64_t, std::uint64_t> failures_;  // of items that are tried again
};

}  // namespace haid::pool
