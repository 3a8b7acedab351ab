// A pool's call on one of its nodes: the host's own pool runs its items, and what becomes of them is told to the pool.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

#include "haid/detail/pool/call.hpp"
#include "remote/messages.hpp"
#include "schedule/ending.hpp"

namespace haid::remote {

// Its functions are called with the lock of the host's engine held.
class Relay final : public detail::Call, private schedule::EndingListener {
  public:
    // `tell`: called with what is to be said to the pool.
    Relay(Open open, std::function<void(OfHost&&)> tell);

    void add(Items&& items) { waiting_.push_back(std::move(items)); }
    // No more will come.
    void close() { closed_ = true; }

    std::uint32_t fill(detail::TaskWriter& writer) override;
    bool exhausted() const override { return closed_ && waiting_.empty(); }
    std::unique_ptr<detail::LocalTask> take(std::uint32_t) override { return nullptr; }
    void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) override;
    void large_value(std::uint64_t item, std::vector<std::byte>& bytes, std::uint32_t& decoded) override;
    void failed(std::uint64_t, std::exception_ptr) override {}  // its ending is told
    void aborted(std::exception_ptr error) override;
    bool wants_what_had_begun() const override { return true; }  // whether the pool does, it knows
    void finished() override { tell_(Over{open_.call}); }

  private:
    void on_ending(const schedule::Ending& ending) override;

    Open open_;
    std::function<void(OfHost&&)> tell_;
    std::deque<Items> waiting_;
    // Of the items whose ending comes next.
    bool large_ = false;
    Bytes values_;
    bool closed_ = false;
};

// As a message has it.
Bytes bytes_of(const std::exception_ptr& error);

}  // namespace haid::remote
