// The memory between a pool and its workers, with threads in the place of the workers: the thread sanitizer sees no
// further than one process.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "channel/attention.hpp"
#include "channel/board.hpp"
#include "channel/ring.hpp"
#include "system/futex.hpp"

namespace haid::channel {
namespace {

constexpr std::size_t workers = 3;
constexpr std::uint64_t tasks = 20'000;  // several times round the board

// Large ones now and then, so that rings are full and are waited for.
std::size_t size_of_result(std::uint64_t task) {
    return task % 1000 == 0 ? RingWriter::largest_frame : 9 + task % 64;
}

void work(Segment& segment, std::size_t worker, int event) {
    ParentBell bell(segment, event);
    RingWriter ring(segment, worker, [&] { bell.ring(true); });
    for (;;) {
        Claimed claimed{};
        if (claim(segment, worker, [&](const Claimed& slot) { claimed = slot; })) {
            const std::size_t size = size_of_result(claimed.task);
            std::span<std::byte> room = ring.open(size);
            std::memcpy(room.data(), &claimed.input, sizeof claimed.input);
            room[size - 1] = std::byte{1};
            ring.publish(
                {claimed.task, static_cast<std::uint32_t>(size), Frame::Kind::values, 0, claimed.from, 1, {0}});
            bell.ring(false);
            continue;
        }
        if (segment.header().closing.load() != 0) return;
        bell.ring(true);
        sleep_until_published(segment, worker);
    }
}

class Parent {
  public:
    Parent() : segment_(workers), sleep_(segment_), board_(segment_), seen_(tasks) {
        for (std::size_t worker = 0; worker < workers; ++worker) {
            readers_.emplace_back(segment_, worker);
            threads_.emplace_back([this, worker] { work(segment_, worker, sleep_.event()); });
        }
    }

    // How often each task was resolved.
    std::vector<int> run() {
        while (resolved_ < tasks) {
            fill();
            if (added_ % 100 == 7) take_some_back();
            if (!read()) {
                std::vector<pollfd> none;
                sleep_.sleep(none, std::nullopt, [&] { return !has_news() && !has_work_to_add(); });
            }
        }
        Header& header = segment_.header();
        header.closing.store(1);
        header.bell.fetch_add(1);
        system::wake(header.bell, system::everybody);
        for (std::thread& thread : threads_) thread.join();
        return seen_;
    }

  private:
    bool has_work_to_add() const { return added_ < tasks && board_.has_room(); }
    bool has_news() const {
        return std::any_of(readers_.begin(), readers_.end(), [](const auto& reader) { return reader.has_news(); });
    }
    void fill() {
        for (int i = 0; i < 50 && has_work_to_add(); ++i) {
            const std::uint64_t task = added_++;
            Slot& slot = board_.add();
            slot.task = task;
            slot.input = 3 * task;
        }
        board_.publish();
    }
    void take_some_back() {
        for (const Unstarted& range : board_.withdraw([](std::uint64_t task) { return task % 5 == 0; })) {
            ++seen_.at(range.task);
            ++resolved_;
        }
    }
    bool read() {
        bool any = false;
        for (RingReader& reader : readers_) {
            while (const Frame* frame = reader.front()) {
                std::uint64_t value = 0;
                std::memcpy(&value, RingReader::payload(*frame).data(), sizeof value);
                EXPECT_EQ(value, 3 * frame->task);
                EXPECT_EQ(frame->size, size_of_result(frame->task));
                ++seen_.at(frame->task);
                ++resolved_;
                reader.pop();
                any = true;
            }
            reader.release();
        }
        return any;
    }

    Segment segment_;
    ParentSleep sleep_;
    BoardWriter board_;
    std::vector<RingReader> readers_;
    std::vector<std::thread> threads_;
    std::vector<int> seen_;
    std::uint64_t added_ = 0;
    std::uint64_t resolved_ = 0;
};

TEST(ChannelThreads, EveryTaskIsClaimedOrTakenBackOnce) {
    ::alarm(60);
    EXPECT_EQ(Parent().run(), std::vector<int>(tasks, 1));
    ::alarm(0);
}

}  // namespace
}  // namespace haid::channel
