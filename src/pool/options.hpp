// What can be said of a pool, whoever says it and wherever its workers are: the checks of PoolOptions, its numbers by
// name, and how it crosses to processes that do not have it in their memory (workers that are programs of their own,
// hosts on other nodes). To these goes all of it: a member that is added to PoolOptions is there, too.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>

#include "haid/codec.hpp"
#include "haid/detail/pool/functions.hpp"
#include "haid/options.hpp"

namespace haid::pool {

struct NumberRule {
    std::int64_t least;
    std::int64_t most;
    bool of_threads = false;  // whether threads have it, too
};

// visit(name, member, rule) for each of the options that are numbers. The names are those of the members: other
// languages say them so.
template <class Visit>
void for_each_number(Visit visit) {
    visit("workers", &PoolOptions::workers, NumberRule{0, std::numeric_limits<int>::max(), true});
    visit("tasks_per_worker", &PoolOptions::tasks_per_worker, NumberRule{0, std::numeric_limits<std::int64_t>::max()});
    // Linux has these levels: setpriority(2).
    visit("nice", &PoolOptions::nice, NumberRule{-20, 19});
}

// Both throw std::invalid_argument, which names the option and what it can be. Nodes are not looked at: what they can
// be is known where they are asked for.
void check(const PoolOptions& options);
// For workers that are threads of this process: also where the options say something that only processes have.
void check_for_threads(const PoolOptions& options);

}  // namespace haid::pool

// An initializer crosses as the number of a function of the program.
template <>
struct haid::Codec<std::function<void()>> {
    using Plain = void (*)();

    static void encode(Encoder& to, const std::function<void()>& function) {
        const Plain* plain = function.target<Plain>();
        if (function && plain == nullptr) {
            throw std::invalid_argument(
                "an initializer that is to run in other programs must be a plain function of this one (a lambda "
                "without captures becomes one with a + before it)");
        }
        haid::encode(to, plain != nullptr ? detail::number_of(*plain) : 0);
    }
    static std::function<void()> decode(Decoder& from) {
        const auto number = haid::decode<std::uint64_t>(from);
        if (number == 0) return nullptr;
        return detail::function_of<Plain>(number);
    }
};
