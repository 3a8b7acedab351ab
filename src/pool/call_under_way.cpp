#include "pool/call_under_way.hpp"

#include <fmt/format.h>

#include "schedule/ending.hpp"
#include "schedule/retries.hpp"

namespace haid::pool {

void CallUnderWay::tell(const Ended& ended, const std::exception_ptr* error, bool again) const {
    schedule::Ending ending;
    ending.which = ended.first;
    ending.count = ended.count;
    ending.attempt = ended.attempt != 0 ? ended.attempt : attempt_of(ended.first);
    ending.again = again;
    ending.host = ended.host;
    ending.place = ended.worker;
    ending.took = ended.took;
    ending.error = error;
    call->listener()->on_ending(ending);
}

CallUnderWay::Verdict CallUnderWay::failed(const Ended& ended, const std::exception_ptr& error) {
    const schedule::Retries retries{std::uint64_t{1} + limits().retries, limits().backoff};
    if (!cancelled && limits().retries > 0) {
        const std::uint64_t attempt = attempt_of(ended.first);
        if (retries.again(attempt)) {
            failed_at_first(ended, error);
            failures_[ended.first] = attempt;
            return {.again_after = retries.pause_after(attempt)};
        }
    }
    Verdict verdict = failed_for_good(ended, error);
    forget_failures(ended);
    return verdict;
}

CallUnderWay::Verdict CallUnderWay::failed_for_good(const Ended& ended, const std::exception_ptr& error) {
    if (is_told()) {
        call->failed(ended.first, error);
        if (call->listener() != nullptr) tell(ended, &error, false);
    }
    return {.goes_on = cancelled || !limits().stop_at_failure};
}

void CallUnderWay::failed_at_first(const Ended& ended, const std::exception_ptr& error) {
    if (is_told() && call->listener() != nullptr) tell(ended, &error, true);
}

void CallUnderWay::cannot_be_decoded(const Ended& ended, std::uint32_t decoded, const DecodeError& error) const {
    Ended one = ended;
    one.count = decoded;
    one.took = ended.took / ended.count * decoded;
    if (decoded > 0 && call->listener() != nullptr) tell(one, nullptr, false);
    for (std::uint64_t item = ended.first + decoded; item < ended.first + ended.count; ++item) {
        const auto why = std::make_exception_ptr(
            TaskError("haid::DecodeError", fmt::format("the result cannot be decoded: {}", error.what()), item,
                      static_cast<int>(ended.worker)));
        call->failed(item, why);
        one.first = item;
        one.count = 1;
        one.took = ended.took / ended.count;
        if (call->listener() != nullptr) tell(one, &why, false);
    }
}

std::uint64_t CallUnderWay::attempt_of(std::uint64_t item) const {
    auto failures = failures_.find(item);
    return failures == failures_.end() ? 1 : failures->second + 1;
}

void CallUnderWay::forget_failures(const Ended& ended) {
    failures_.erase(failures_.lower_bound(ended.first), failures_.lower_bound(ended.first + ended.count));
}

}  // namespace haid::pool
