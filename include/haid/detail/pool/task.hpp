// What a worker sees of a task while it runs it. Not for users: pool.hpp writes the code that runs here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <span>

#include "haid/codec.hpp"
#include "haid/detail/pool/progress.hpp"

namespace haid::detail {

// Some items of one call, one after another:
//
//     while (task.claim())
//         while (task.next()) try { encode(task, f(item task.item())); } catch (...) { task.failed(); }
//
// What an item writes is its value. If the process dies, the items before the running one are done, with their values;
// so next() is where an item ends and another begins.
class Task : public Encoder {
  public:
    // The whole task's input, of which the claimed items are a part.
    std::span<const std::byte> input() const { return input_; }
    std::uint64_t context() const { return context_; }
    // What TaskWriter::share() was given.
    virtual std::span<const std::byte> common() const = 0;
    // A part of the input as memory of this process alone, writable, which shows what the input has as long as the
    // item is not done, and its own pages where it was written to. Throws std::system_error.
    virtual std::shared_ptr<std::byte> private_input(std::span<const std::byte> part) const = 0;
    // The index of item 0.
    std::uint64_t first() const { return first_; }
    std::uint32_t item() const { return item_; }
    // The index of the item that runs, at any moment of its run; of none between items.
    std::optional<std::uint64_t> running() const {
        const Progress now = Progress::of(progress_->load(std::memory_order_relaxed));
        return now.runs ? std::optional(first_ + now.item) : std::nullopt;
    }

    // The next few items, few enough that what comes after them does not wait for long. False: nothing is left here.
    virtual bool claim() = 0;

    bool next() {
        if (next_ == claimed_) return end_of_claim();
        begin(next_++);
        return true;
    }

    // The same for items whose values all have the size of an R and are their bytes: some 2 ns an item instead of 6.
    template <class R, class ValueOf>
    void run_all(ValueOf value_of) {
        static_assert(flat<R> && sizeof(R) <= largest_flat);
        while (claim()) {
            while (next_ != claimed_) run_some<R>(value_of);
            end_of_claim();
        }
    }
    static constexpr std::size_t largest_flat = 1024;

    // The running item's value. One that is not flat carries its size, so that one that cannot be decoded does not take
    // those behind it along.
    template <class R>
    void write_value(const R& value) {
        if constexpr (flat<R>) {
            haid::encode(*this, value);
        } else {
            announce(encoded_size(value));
            std::uint32_t size = to_end_of_frame;
            write(&size, sizeof size);
            haid::encode(*this, value);
            const auto written = static_cast<std::size_t>(at_ - value_begin_);
            if (!in_pieces_ && written < to_end_of_frame) {
                size = static_cast<std::uint32_t>(written - sizeof size);
                std::memcpy(value_begin_, &size, sizeof size);
            }
        }
    }
    // The running item's value will have so many bytes; 0: not known. A hint: memory is made at once for them.
    void announce(std::size_t size) { announced_ = size; }
    // The size of a value that is alone in its frame.
    static constexpr std::uint32_t to_end_of_frame = 0xffffffff;

    // The running item has thrown: what it has written is no value.
    virtual void failed(std::exception_ptr error) = 0;

  protected:
    ~Task() = default;

    void begin(std::uint32_t item) {
        item_ = item;
        value_begin_ = at_;
        store_progress(item, true);
    }
    // All items before this one are done, and it does not run.
    void mark(std::uint32_t item) {
        value_begin_ = at_;
        store_progress(item, false);
    }
    virtual bool end_of_claim() = 0;
    // Afterwards there is room for so many bytes at at_.
    virtual void make_room(std::size_t size) = 0;

    std::span<const std::byte> input_;
    std::uint64_t context_ = 0;
    std::uint64_t first_ = 0;
    std::uint32_t item_ = 0;     // runs
    std::uint32_t next_ = 0;     // will run
    std::uint32_t claimed_ = 0;  // items before it are claimed
    std::byte* frame_begin_ = nullptr;
    std::byte* value_begin_ = nullptr;
    std::size_t announced_ = 0;
    bool in_pieces_ = false;  // a part of the running item's value has been handed over
    std::atomic<std::uint64_t>* progress_ = nullptr;

  private:
    // As far as it can be told without encoding the value.
    template <class R>
    static std::size_t encoded_size(const R& value) {
        if constexpr (requires { Codec<R>::size(value); }) {
            return Codec<R>::size(value);
        } else if constexpr (std::ranges::contiguous_range<R> && std::ranges::sized_range<R>) {
            if constexpr (flat<std::ranges::range_value_t<R>>) {
                return 2 * sizeof(std::uint64_t) + std::ranges::size(value) * sizeof(std::ranges::range_value_t<R>);
            }
        }
        return 0;
    }

    std::uint64_t progress_of(std::uint32_t item, bool runs) const {
        return Progress{item, runs, static_cast<std::uint64_t>(at_ - frame_begin_)}.word();
    }
    void store_progress(std::uint32_t item, bool runs) {
        progress_->store(progress_of(item, runs), std::memory_order_release);
    }

    // Up to the end of the claim, or an exception. All that changes is in registers meanwhile.
    template <class R, class ValueOf>
    void run_some(ValueOf& value_of) {
        std::uint32_t item = next_;
        const std::uint32_t end = claimed_;
        make_room((end - item) * sizeof(R));
        std::byte* at = at_;
        std::atomic<std::uint64_t>* const progress = progress_;
        std::uint64_t word = progress_of(item, true);
        constexpr std::uint64_t one_more = Progress::one_more(sizeof(R));
        try {
            for (; item != end; ++item) {
                progress->store(word, std::memory_order_release);
                const R value = value_of(item);
                std::memcpy(at, &value, sizeof(R));
                at += sizeof(R);
                word += one_more;
            }
            next_ = end;
            at_ = value_begin_ = at;
        } catch (...) {
            item_ = item;
            next_ = item + 1;
            at_ = value_begin_ = at;
            failed(std::current_exception());
        }
    }
};

// A function of the program that runs items in a worker. It catches what the user's code throws, and gives it to the
// task.
using RunTask = void (*)(Task&);

}  // namespace haid::detail
