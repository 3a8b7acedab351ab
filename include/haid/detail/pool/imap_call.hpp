// An imap on its way: its input is read by whoever takes its results. Not for users.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "haid/detail/pool/call.hpp"
#include "haid/detail/pool/gather.hpp"
#include "haid/detail/pool/items.hpp"
#include "haid/detail/pool/pool_engine.hpp"
#include "haid/error.hpp"
#include "haid/result.hpp"

namespace haid::detail {

// An imap: its results wait here for the caller. What is said to be the caller's is used without the engine's lock.
template <class R>
class ImapCall : public Call {
  public:
    using Item = R;
    ImapCall(Limits limits, bool in_order) : Call(limits), in_order_(in_order) {}

    // The caller's: reads one item of the input; false at its end. What the input throws is thrown.
    virtual bool read() = 0;
    // With the lock: what was read goes to the workers from now on.
    virtual void hand_in(bool ended) = 0;
    // With the lock: whether the workers could do with more.
    virtual bool hungry() const = 0;

    void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) override {
        std::size_t before = from.remaining();
        detail::decode_results<R>(first, count, from, decoded, [this](Result<R> result) { put(std::move(result)); });
        bytes_ += before - from.remaining();
    }
    void failed(std::uint64_t item, std::exception_ptr error) override { put(Result<R>(item, std::move(error))); }
    void aborted(std::exception_ptr error) override { error_ = std::move(error); }
    void finished() override { finished_ = true; }
    void put(Result<R> result) {
        if (!in_order_) {
            ready_.push_back(std::move(result));
        } else if (result.index() != next_) {
            early_.emplace(result.index(), std::move(result));
        } else {
            ready_.push_back(std::move(result));
            for (++next_; !early_.empty() && early_.begin()->first == next_; ++next_) {
                ready_.push_back(std::move(early_.begin()->second));
                early_.erase(early_.begin());
            }
        }
    }

    bool has_ready() const { return !ready_.empty(); }
    void take_ready(std::deque<Result<R>>& to) {
        if (to.empty()) {
            to.swap(ready_);
        } else {
            for (auto& result : ready_) to.push_back(std::move(result));
            ready_.clear();
        }
        bytes_ = 0;
    }
    // Bytes of results that nobody has taken yet.
    std::uint64_t bytes() const { return bytes_; }
    bool is_finished() const { return finished_; }
    std::exception_ptr error() const { return error_; }

  private:
    bool in_order_;
    std::deque<Result<R>> ready_;
    std::map<std::uint64_t, Result<R>> early_;
    std::uint64_t next_ = 0;
    std::uint64_t bytes_ = 0;
    bool finished_ = false;
    std::exception_ptr error_;
};

template <class R, class F, class Range, Spread spread, bool crossing>
class RangeImapCall final : public ImapCall<R> {
  public:
    using T = typename Input<Range>::T;
    using Held = typename Input<Range>::Held;

    RangeImapCall(Limits limits, bool in_order, F f, Range range)
        : ImapCall<R>(limits, in_order), f_(std::move(f)), input_(std::move(range)) {}

    bool read() override {
        if (input_.at_end()) return false;
        read_.push_back(input_.take());
        return true;
    }
    void hand_in(bool ended) override {
        for (Held& item : read_) pending_.push_back(std::move(item));
        read_.clear();
        ended_ = ended_ || ended;
        hungry_ = false;
    }
    bool hungry() const override { return hungry_ && !ended_; }

    bool exhausted() const override { return ended_ && pending_.empty(); }
    std::uint32_t fill(TaskWriter& writer) override {
        if constexpr (!crossing) {
            return 0;
        } else {
            // A chunk waits until it is whole.
            if (pending_.empty() || (!ended_ && pending_.size() < this->limits().chunk_size)) {
                hungry_ = true;
                return 0;
            }
            return detail::write_items<F, T, spread>(writer, f_, [this] { return next_pending(); });
        }
    }
    std::unique_ptr<LocalTask> take(std::uint32_t most) override {
        if constexpr (crossing) {
            return nullptr;
        } else {
            auto task = std::make_unique<ThreadTask<ImapCall<R>, F, Held, spread>>(*this, f_, taken_, most);
            while (task->size() < most && !pending_.empty()) task->add(*next_pending());
            taken_ += task->size();
            if (task->empty()) hungry_ = true;
            return task->empty() ? nullptr : std::move(task);
        }
    }

  private:
    std::optional<Held> next_pending() {
        if (pending_.empty()) return std::nullopt;
        std::optional<Held> item(std::move(pending_.front()));
        pending_.pop_front();
        return item;
    }

    F f_;
    Input<Range> input_;
    std::vector<Held> read_;  // the caller's
    std::deque<Held> pending_;
    bool ended_ = false;
    bool hungry_ = true;
    std::uint64_t taken_ = 0;
};

// Reads the input for the caller, and hands results out.
template <class R>
class ImapSource final : public ImapReader {
  public:
    ImapSource(std::shared_ptr<Engine> engine, std::shared_ptr<ImapCall<R>> call, std::size_t buffer_size)
        : engine_(std::move(engine)),
          call_(std::move(call)),
          // A chunk goes out when it is whole.
          bound_(std::max<std::size_t>(buffer_size != 0 ? buffer_size : most_read_ahead, call_->limits().chunk_size)) {
        auto lock = engine_->lock();
        engine_->submit(lock, call_, Engine::Driver::waiting);
    }
    ~ImapSource() override {
        try {
            auto lock = engine_->lock();
            if (!engine_->finished(lock, *call_)) engine_->cancel(lock, *call_);
        } catch (...) {
            // Of another process: nothing to give up here.
        }
    }

    std::optional<Result<R>> next(std::optional<Time> until) {
        for (;;) {
            if (taken_.empty() || (delivered_ % 16 == 0 && Clock::now() >= next_look_)) look(until);
            if (!taken_.empty()) {
                std::optional<Result<R>> result(std::move(taken_.front()));
                taken_.pop_front();
                ++delivered_;
                return result;
            }
            if (over_) {
                if (call_->error()) std::rethrow_exception(call_->error());
                return std::nullopt;
            }
        }
    }

    void read_all() override {
        while (!ended_) read_some(SIZE_MAX);
    }

  private:
    // Beyond it a slow consumer costs memory and gains nothing.
    static constexpr std::size_t most_read_ahead = 4096;
    static constexpr std::uint64_t most_bytes_ready = std::uint64_t{64} << 20;
    static constexpr std::size_t largest_batch = 256;
    // An input that takes longer than that for an item does not keep others waiting.
    static constexpr std::chrono::microseconds slow_input{20};
    // Workers have work for a millisecond.
    static constexpr std::chrono::microseconds look_after_workers{200};

    // Takes what is ready, and reads input or waits.
    void look(std::optional<Time> until) {
        auto lock = engine_->lock();
        call_->take_ready(taken_);
        if (may_read() && call_->hungry() && call_->bytes() < most_bytes_ready) {
            lock.unlock();
            read_some(taken_.empty() ? largest_batch : 1);
        } else if (taken_.empty()) {
            over_ = call_->is_finished();
            if (!over_ && !engine_->wait(
                              lock, [this] { return has_news(); }, until)) {
                throw TimeoutError("there is no further result yet");
            }
        }
        next_look_ = Clock::now() + look_after_workers;
    }

    bool may_read() const { return !ended_ && read_ - delivered_ < bound_; }
    bool has_news() const { return call_->has_ready() || call_->is_finished() || (may_read() && call_->hungry()); }

    void read_some(std::size_t most) {
        auto slow = Clock::now() + slow_input;
        for (std::size_t batch = 0; batch < most && (may_read() || most == SIZE_MAX); ++batch) {
            if (!call_->read()) {
                ended_ = true;
                break;
            }
            ++read_;
            if (batch % 16 == 0 && Clock::now() > slow) break;
        }
        auto lock = engine_->lock();
        ended_ = ended_ || call_->is_finished();  // the pool was ended meanwhile
        call_->hand_in(ended_);
        engine_->refill(lock, *call_);
    }

    std::shared_ptr<Engine> engine_;
    std::shared_ptr<ImapCall<R>> call_;
    std::size_t bound_;
    std::deque<Result<R>> taken_;
    std::uint64_t read_ = 0;
    std::uint64_t delivered_ = 0;
    bool ended_ = false;  // the input
    bool over_ = false;   // the results
    Time next_look_{};
};

}  // namespace haid::detail
