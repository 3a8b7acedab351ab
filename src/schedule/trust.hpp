// Which nodes run jobs well. A broken one fails its jobs fast, is free again at once, and would eat the whole run.
//
// A node on which `doubted_after` jobs in a row failed, while there is another one that runs them well, gets one job at
// a time, each later than the one before, until one succeeds. Whether others run them well is seen from what ended
// there since that row began; as long as nothing has, it is taken for granted. Where jobs fail everywhere, nobody is
// doubted: it is the jobs. No clock; every call is O(1). Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "schedule/timeout.hpp"

namespace haid::schedule {

class Trust {
  public:
    static constexpr std::uint64_t doubted_after = 3;
    // So long after a failure the next job is tried there, twice as long after each.
    static constexpr std::chrono::seconds first_wait{1}, longest_wait{64};

    explicit Trust(std::size_t nodes) : nodes_(nodes) {}

    // Whether jobs could run there at all.
    void set_usable(std::size_t node, bool usable);
    // A job has come to an end of its own there.
    void ended(std::size_t node, bool succeeded, Time now);

    // What a person should know of a node since it was last asked: to be asked when a job has ended there, and now and
    // then where jobs failed in a row.
    enum class News { none, doubted, trusted };
    News news(std::size_t node);

    // It has failed so often in a row that its jobs may have to wait.
    bool in_a_row(std::size_t node) const { return nodes_[node].failures >= doubted_after; }
    // So many jobs may run there now, as far as it is trusted.
    std::uint64_t most_jobs(std::size_t node, Time now) const;

  private:
    struct Node {
        bool usable = false;
        bool told = false;
        std::uint64_t failures = 0;  // in a row, up to now
        // Of the others, when that row began.
        std::uint64_t successes_before = 0;
        std::uint64_t failures_before = 0;
        Time last{};
    };

    bool doubted(const Node& node) const;
    bool is_good(const Node& node) const { return node.usable && node.failures < doubted_after; }

    std::vector<Node> nodes_;
    std::size_t good_ = 0;
    std::uint64_t successes_ = 0;
    // Of rows that a success has ended: the others may be a node's fault.
    std::uint64_t failures_ = 0;
};

}  // namespace haid::schedule
