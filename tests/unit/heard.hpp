// A map on any engine, and what somebody hears who listens to how its items end.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "haid/detail/pool/gather.hpp"
#include "haid/detail/pool/items.hpp"
#include "schedule/ending.hpp"

namespace haid {

class Heard final : public schedule::EndingListener {
  public:
    struct Attempt {
        std::uint64_t number;
        bool again;
        bool failed;
        std::int64_t worker;
        std::string host;
        std::chrono::nanoseconds took;  // with those that ended together with it
        std::exception_ptr error;
    };

    void on_ending(const schedule::Ending& ending) override {
        const bool failed = ending.error != nullptr;
        EXPECT_TRUE(!failed || ending.count == 1);
        EXPECT_TRUE(failed || !ending.again);
        for (std::uint64_t item = ending.which; item < ending.which + ending.count; ++item) {
            of[item].push_back({ending.attempt, ending.again, failed, ending.place, std::string(ending.host),
                                ending.took, failed ? *ending.error : nullptr});
        }
    }

    // Each of so many items: attempts from 1 on, the last of them alone its end.
    void expect_whole(std::uint64_t items) const {
        ASSERT_EQ(of.size(), items);
        for (const auto& [item, attempts] : of) {
            for (std::size_t at = 0; at < attempts.size(); ++at) {
                EXPECT_EQ(attempts[at].number, at + 1) << item;
                EXPECT_EQ(attempts[at].again, at + 1 < attempts.size()) << item;
            }
        }
    }

    std::map<std::uint64_t, std::vector<Attempt>> of;  // by item
};

inline detail::EngineOptions with_workers(int workers) {
    return {.pool = {.workers = workers}};
}

// Waits for all results. `Base`: who collects them.
template <bool crossing, class Base = detail::AllResults<int>>
std::vector<Result<int>> map_heard(detail::Engine& engine, int (*f)(int), std::vector<int> items,
                                   const detail::Limits& limits, Heard& heard) {
    using Items = std::ranges::owning_view<std::vector<int>>;
    const auto call = std::make_shared<detail::MapCall<Base, int (*)(int), Items, detail::Spread::item, crossing>>(
        limits, f, Items(std::move(items)));
    call->tell(heard);
    auto lock = engine.lock();
    engine.submit(lock, call, detail::Engine::Driver::waiting);
    engine.wait(
        lock, [&] { return call->ready(); }, std::nullopt);
    if (call->error()) std::rethrow_exception(call->error());
    return std::move(call->value());
}

}  // namespace haid
