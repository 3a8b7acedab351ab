// A call whose inputs and results are bytes: what the engine sees of a call of Python's. Knows nothing of Python, so
// that any thread may do the engine's work without the GIL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "haid/detail/pool/call.hpp"

namespace haid::python {

// Encoded inputs, one behind another.
struct Inputs {
    BufferEncoder bytes;
    std::vector<std::size_t> ends;  // where each one ends

    void end_of_item() { ends.push_back(bytes.bytes().size()); }
};

// A task's input: how many items there are, where each begins, and the items.
class ItemTable {
  public:
    // Throws DecodeError.
    explicit ItemTable(std::span<const std::byte> input);
    std::span<const std::byte> item(std::uint32_t number) const;

  private:
    std::span<const std::byte> starts_;
    std::span<const std::byte> items_;
    std::uint32_t count_;
};

// All functions are called with the engine's lock held.
class BytesCall final : public detail::Call {
  public:
    struct Values {
        std::uint64_t first;
        std::uint32_t count;
        std::vector<std::byte> bytes;
    };
    struct Failure {
        std::uint64_t item;
        std::exception_ptr error;
    };
    // What has come since it was last asked for.
    struct News {
        std::vector<Values> values;
        std::vector<Failure> failures;
    };

    BytesCall(detail::Limits limits, detail::RunTask run, std::vector<std::byte> common)
        : Call(limits), run_(run), common_(std::move(common)) {}

    void add(std::unique_ptr<Inputs> inputs);
    void end_of_input() { ended_ = true; }
    // The engine could hand out more than there is.
    bool hungry() const { return hungry_ && !ended_; }
    bool has_news() const { return !news_.values.empty() || !news_.failures.empty(); }
    News take_news() { return std::exchange(news_, {}); }
    bool is_finished() const { return finished_; }
    std::exception_ptr error() const { return error_; }
    // Called once, when it is finished.
    void when_finished(std::function<void()> action) { when_finished_ = std::move(action); }

    std::uint32_t fill(detail::TaskWriter& writer) override;
    bool exhausted() const override { return ended_ && waiting_ == 0; }
    std::optional<std::uint64_t> remaining() const override;
    std::unique_ptr<detail::LocalTask> take(std::uint32_t) override { return nullptr; }
    void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) override;
    void failed(std::uint64_t item, std::exception_ptr error) override;
    void aborted(std::exception_ptr error) override { error_ = std::move(error); }
    void finished() override;

  private:
    struct Block {
        std::unique_ptr<Inputs> inputs;
        std::size_t next = 0;  // item
    };

    detail::RunTask run_;
    std::vector<std::byte> common_;
    std::deque<Block> blocks_;
    std::uint64_t waiting_ = 0;  // items
    bool ended_ = false;
    bool hungry_ = true;
    News news_;
    bool finished_ = false;
    std::exception_ptr error_;
    std::function<void()> when_finished_;
};

}  // namespace haid::python
