// A task while a worker runs it: the worker's half of the protocol that layout.hpp describes.
#pragma once

#include <chrono>
#include <cstdint>

#include "channel/attention.hpp"
#include "channel/board.hpp"
#include "channel/ring.hpp"
#include "haid/detail/pool/call.hpp"
#include "haid/detail/pool/task.hpp"

namespace haid::pool {

class RunningTask final : public detail::Task {
  public:
    RunningTask(channel::Segment& segment, std::size_t worker, channel::ParentBell& bell, detail::WorkerHooks* hooks);

    // Makes it this worker's task, in the lane too. Nothing runs yet.
    void take(const channel::Claimed& claimed);
    // The worker has waited for work until now.
    void waited() { last_time_ = claim_began_ = Clock::now(); }
    // Waits here if the parent is about to end this process, and never returns then.
    void wait_if_halted();
    // All of it has been run: hands over what was not yet.
    void finish();
    // Tells the parent why this worker cannot work.
    void report_fault(std::exception_ptr error);
    std::uint64_t items_run() const { return items_run_; }

    std::span<const std::byte> common() const override;
    std::shared_ptr<std::byte> private_input(std::span<const std::byte> part) const override {
        return segment_.map_privately(part);
    }
    bool claim() override;
    void failed(std::exception_ptr error) override;

  private:
    using Clock = std::chrono::steady_clock;

    bool end_of_claim() override;
    void make_room(std::size_t size) override;
    void overflow(const void* data, std::size_t size) override;
    void open(std::size_t least);
    void publish(channel::Frame::Kind kind, std::uint32_t first, std::uint32_t count, std::size_t size);
    void publish_values(std::uint32_t end);
    void publish_piece(const void* data, std::size_t size);
    void close_frame(std::uint32_t next);
    void publish_error(channel::Frame::Kind kind, std::uint32_t first, std::exception_ptr error);

    channel::Segment& segment_;
    channel::Lane& lane_;
    channel::ParentBell& bell_;
    detail::WorkerHooks* hooks_;  // or nullptr
    channel::RingWriter ring_;
    channel::Claimed claimed_slot_{};
    std::uint32_t generation_ = 0;
    std::uint32_t open_ = 0;   // the first item of the open frame
    std::uint32_t block_ = 1;  // items to claim at a time
    std::uint32_t claimed_behind_pieces_ = 0;
    Clock::time_point claim_began_{};
    Clock::time_point last_time_{};  // since then the time counts for what is handed over next
    std::uint64_t items_run_ = 0;
    std::uint32_t unannounced_ = 0;  // frames since the parent was last woken
};

}  // namespace haid::pool
