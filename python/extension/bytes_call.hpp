// A call whose inputs and results are bytes: what the engine sees of a call of Python's. Knows nothing of Python, so
// that any thread may do the engine's work without the GIL.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "haid/detail/pool/call.hpp"

namespace haid::python {

// Encoded inputs, one behind another. Their large parts stay where they are until a task is made of them.
class Inputs {
  public:
    Encoder& bytes() { return bytes_; }
    // A part of the item that is being written.
    void add_part(std::span<const std::byte> part);
    void end_of_item();

    std::size_t count() const { return ends_.size(); }
    std::size_t size() const { return bytes_.bytes().size() + area_; }

    // The first of the items from `first` on whose end lies beyond `most` bytes, or `first + most_items`; at least one
    // more than `first`.
    std::size_t items_within(std::size_t first, std::size_t most_items, std::size_t most) const;
    // As ItemTable reads them.
    std::size_t table_size(std::size_t first, std::size_t behind) const;
    void write_table(std::size_t first, std::size_t behind, std::byte* to) const;

  private:
    struct Placed {
        std::size_t position;  // in the area of all parts
        std::span<const std::byte> bytes;
    };
    struct End {
        std::size_t bytes;
        std::size_t area;
    };
    End end(std::size_t behind) const { return behind == 0 ? End{0, 0} : ends_[behind - 1]; }

    BufferEncoder bytes_;
    std::vector<End> ends_;  // where each item ends
    std::vector<Placed> parts_;
    std::size_t area_ = 0;
};

// The items of a task, any of them.
class ItemTable {
  public:
    // Throws DecodeError.
    explicit ItemTable(std::span<const std::byte> input);

    struct Item {
        std::span<const std::byte> bytes;
        std::span<const std::byte> area;  // its parts, as next_part() takes them, and those of the items behind it
    };
    Item item(std::uint32_t number) const;

  private:
    struct Header {
        std::uint64_t count;
        std::uint64_t items_size;
        std::uint64_t area_size;
    };
    struct Start {
        std::uint64_t bytes;
        std::uint64_t area;
    };
    friend class Inputs;

    Header header_;
    std::span<const std::byte> starts_;
    std::span<const std::byte> items_;
    std::span<const std::byte> area_;
};

// All functions are called with the engine's lock held, but for those that any thread may ask at any time.
class BytesCall final : public detail::Call {
  public:
    struct Values {
        std::uint64_t first;
        std::uint32_t count;
        std::shared_ptr<std::vector<std::byte>> bytes;
    };
    struct Failure {
        std::uint64_t item;
        std::exception_ptr error;
    };
    // What has come since it was last asked for.
    struct News {
        std::uint64_t handed_out = 0;  // items, whose parts are not needed any more
        std::vector<Values> values;
        std::vector<Failure> failures;
    };

    BytesCall(detail::Limits limits, detail::RunTask run, std::vector<std::byte> common)
        : Call(limits), run_(run), common_(std::move(common)) {}

    void add(std::unique_ptr<Inputs> inputs);
    void end_of_input();
    // Whether there was. At any time.
    bool is_ended() const { return ended_.load(); }
    // What inputs refer to: as long as they may be read.
    void keep(std::shared_ptr<void> owner) { kept_ = std::move(owner); }
    // The engine could hand out more than there is. At any time.
    bool hungry() const { return hungry_.load(); }
    // Less lies ready than a reader of inputs should have in store, who may get to read again only when another thread
    // lets him. At any time.
    bool has_little() const {
        return hungry() || (waiting_.load() < small_store && waiting_bytes_.load() < small_size);
    }
    bool has_news() const { return !news_.values.empty() || !news_.failures.empty(); }
    News take_news();
    // At any time.
    bool is_finished() const { return finished_.load(); }
    std::exception_ptr error() const { return error_; }
    // Called once, when it is finished.
    void when_finished(std::function<void()> action) { when_finished_ = std::move(action); }

    std::uint32_t fill(detail::TaskWriter& writer) override;
    bool exhausted() const override { return ended_ && waiting_ == 0; }
    std::optional<std::uint64_t> remaining() const override;
    std::unique_ptr<detail::LocalTask> take(std::uint32_t) override { return nullptr; }
    void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) override;
    void large_value(std::uint64_t item, std::vector<std::byte>& bytes, std::uint32_t& decoded) override;
    void failed(std::uint64_t item, std::exception_ptr error) override;
    void aborted(std::exception_ptr error) override { error_ = std::move(error); }
    // The same of one that is given up while somebody takes its results.
    void want_what_had_begun() { wants_what_had_begun_ = true; }
    bool wants_what_had_begun() const override { return wants_what_had_begun_; }
    void finished() override;

  private:
    // Python gives its lock to another thread after 5 ms: so many items of 2 µs.
    static constexpr std::uint64_t small_store = 2500;
    static constexpr std::size_t small_size = std::size_t{4} << 20;

    struct Block {
        std::unique_ptr<Inputs> inputs;
        std::size_t next = 0;  // item
    };

    detail::RunTask run_;
    std::vector<std::byte> common_;
    std::deque<Block> blocks_;
    std::atomic<std::uint64_t> waiting_ = 0;  // items
    std::atomic<std::size_t> waiting_bytes_ = 0;
    std::uint64_t handed_out_ = 0;  // items
    std::atomic<bool> ended_ = false;
    bool wants_what_had_begun_ = false;
    std::atomic<bool> hungry_ = true;
    std::shared_ptr<void> kept_;
    News news_;
    std::atomic<bool> finished_ = false;
    std::exception_ptr error_;
    std::function<void()> when_finished_;
};

}  // namespace haid::python
