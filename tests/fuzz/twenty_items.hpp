// A call as an engine sees it: 20 items, whose values are a byte each.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "fields.hpp"
#include "haid/detail/pool/call.hpp"
#include "schedule/ending.hpp"

namespace haid::fuzz {

class TwentyItems final : public detail::Call, private schedule::EndingListener {
  public:
    // `twice`: the engine takes a worker's word for it that an item has not come to an end before.
    explicit TwentyItems(bool twice) : Call(in_threes()), twice_(twice) { tell(*this); }

    std::uint32_t fill(detail::TaskWriter& writer) override {
        const auto count = std::min<std::uint32_t>(writer.most_items, items - filled_);
        encode(writer.buffer(), count);
        filled_ += count;
        return count;
    }
    bool exhausted() const override { return filled_ == items; }
    std::unique_ptr<detail::LocalTask> take(std::uint32_t) override { return nullptr; }
    void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) override {
        for (; decoded < count; ++decoded) {
            std::byte value{};
            from.read(&value, sizeof value);
            end(first + decoded);
        }
    }
    void failed(std::uint64_t item, std::exception_ptr error) override {
        expect(error != nullptr);
        end(item);
    }
    void aborted(std::exception_ptr error) override { expect(error != nullptr); }

  private:
    static constexpr std::uint32_t items = 20;

    static detail::Limits in_threes() {
        detail::Limits limits;
        limits.chunk_size = 3;
        return limits;
    }
    // Behind the call itself.
    void on_ending(const schedule::Ending& ending) override {
        expect(ending.which < filled_ && ending.count <= filled_ - ending.which && ending.attempt > 0);
        for (std::uint64_t item = ending.which; item < ending.which + ending.count && !twice_; ++item) {
            expect(ended_[item] != ending.again);
        }
    }
    // Only one that was given comes to an end.
    void end(std::uint64_t item) {
        expect(item < filled_ && (twice_ || !ended_[item]));
        ended_[item] = true;
    }

    bool twice_;
    std::uint32_t filled_ = 0;
    std::array<bool, items> ended_{};
};

}  // namespace haid::fuzz
