// Results of a call that are collected by index, and what the caller gets of them. Not for users.
#pragma once

#include <concepts>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "haid/detail/pool/call.hpp"
#include "haid/result.hpp"

namespace haid::detail {

// Decodes values as Task::write_value has written them: `put` gets each one, `fail` the error of one that is none.
// Throws DecodeError where it cannot be told any more where a value begins.
template <class R, class Put, class Fail>
void decode_values(std::uint32_t count, Decoder& from, std::uint32_t& decoded, Put put, Fail fail) {
    for (; decoded < count; ++decoded) {
        if constexpr (flat<R>) {
            put(decoded, haid::decode<R>(from));
        } else {
            const auto size = haid::decode<std::uint32_t>(from);
            Decoder one(from.take(size == Task::to_end_of_frame ? from.remaining() : size, "a result"));
            try {
                R value = haid::decode<R>(one);
                one.expect_end();
                put(decoded, std::move(value));
            } catch (const DecodeError&) {
                fail(decoded, std::current_exception());
            }
        }
    }
}

// Values by index, in whatever order they come.
template <class R>
class Collected {
  public:
    template <class Fail>
    void decode_all(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded, Fail fail) {
        if constexpr (std::is_void_v<R>) {
            decoded = count;
        } else if constexpr (in_place && flat<R>) {
            // The part of the result vector that is new is made, and touched, just before it is written.
            make_room(first + count);
            from.read(values_.data() + first, count * sizeof(R));
            decoded = count;
        } else {
            make_room(first + count);
            detail::decode_values<R>(
                count, from, decoded, [&](std::uint32_t item, R&& value) { values_[first + item] = std::move(value); },
                fail);
        }
    }

    template <class V>
    void put(std::uint64_t index, V&& value) {
        make_room(index + 1);
        values_[index] = std::forward<V>(value);
    }

    void reserve(std::uint64_t count) {
        if constexpr (!std::is_void_v<R>) {
            values_.reserve(count);
            if constexpr (in_place && flat<R>) detail::advise_large(values_.data(), count * sizeof(R));
        }
    }

    // After this nothing is left here. All items must have a value.
    std::vector<R> take()
        requires(!std::is_void_v<R>)
    {
        if constexpr (in_place) {
            return std::move(values_);
        } else {
            std::vector<R> all;
            all.reserve(values_.size());
            for (auto& value : values_) all.push_back(*std::move(value));
            values_.clear();
            return all;
        }
    }

  private:
    static constexpr bool in_place = std::default_initializable<R> && std::is_move_assignable_v<R>;
    struct Nothing {};
    using Stored = std::conditional_t<std::is_void_v<R>, Nothing, std::conditional_t<in_place, R, std::optional<R>>>;

    void make_room(std::uint64_t size) {
        if constexpr (!std::is_void_v<R>) {
            if (values_.size() < size) values_.resize(size);
        }
    }

    std::vector<Stored> values_;
};

// A call that has one outcome, there when all is done.
class Outcome : public Call {
  public:
    using Call::Call;

    bool ready() const { return ready_; }
    bool successful() const { return ready_ && !error_; }
    std::exception_ptr error() const { return error_; }
    // Items that have ended.
    std::uint64_t done() const { return done_; }

    // Called, with the engine's lock held, when it is ready.
    void when_ready(std::function<void()> action) { when_ready_ = std::move(action); }

    void aborted(std::exception_ptr error) override {
        error_ = std::move(error);
        first_failed_ = 0;
    }

  protected:
    void fail(std::uint64_t item, std::exception_ptr error) {
        if (error_ && item >= first_failed_) return;
        error_ = std::move(error);
        first_failed_ = item;
    }
    void set_ready() {
        ready_ = true;
        if (when_ready_) when_ready_();
    }

    std::uint64_t done_ = 0;

  private:
    bool ready_ = false;
    std::exception_ptr error_;
    std::uint64_t first_failed_ = std::numeric_limits<std::uint64_t>::max();
    std::function<void()> when_ready_;
};

// The caller gets a T of it.
template <class T>
class OutcomeCall : public Outcome {
  public:
    using Whole = T;
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    using Outcome::Outcome;

    // When it is ready, and nothing has failed.
    Value& value() { return *value_; }
    T take_value() {
        if constexpr (!std::is_void_v<T>) return std::move(*value_);
    }

  protected:
    std::optional<Value> value_;
};

// Collects R by index. Whole: a vector of them, or R itself, of which there is one.
template <class R, class Whole>
class Gather : public OutcomeCall<Whole> {
  public:
    using OutcomeCall<Whole>::OutcomeCall;

    using Item = R;
    void expect(std::uint64_t count) { collected_.reserve(count); }

    void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) override {
        try {
            if constexpr (std::is_void_v<R> || Crossable<R>) {
                collected_.decode_all(first, count, from, decoded, [&](std::uint32_t item, std::exception_ptr error) {
                    this->fail(first + item, std::move(error));
                });
            }
        } catch (...) {
            this->done_ += decoded;
            throw;
        }
        this->done_ += decoded;
    }
    void failed(std::uint64_t item, std::exception_ptr error) override {
        ++this->done_;
        this->fail(item, std::move(error));
    }
    void put(Result<R> result) {
        if (!result) return failed(result.index(), result.error());
        ++this->done_;
        if constexpr (!std::is_void_v<R>) collected_.put(result.index(), std::move(*result));
    }
    void finished() override {
        if (!this->error()) {
            if constexpr (std::is_void_v<R>) {
                this->value_.emplace();
            } else if constexpr (std::is_same_v<Whole, R>) {
                auto values = collected_.take();
                if (!values.empty()) this->value_.emplace(std::move(values.front()));  // none: it was given up
            } else {
                this->value_.emplace(collected_.take());
            }
        }
        this->set_ready();
    }

  private:
    Collected<R> collected_;
};

// What a map and an apply collect.
template <class R>
using AllValues =
    Gather<R, std::conditional_t<std::is_void_v<R>, void, std::vector<std::conditional_t<std::is_void_v<R>, int, R>>>>;
template <class R>
using OneValue = Gather<R, R>;

template <class R, class Put>
void decode_results(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded, Put put) {
    if constexpr (std::is_void_v<R>) {
        for (; decoded < count; ++decoded) put(Result<R>(first + decoded, std::monostate{}));
    } else if constexpr (Crossable<R>) {
        detail::decode_values<R>(
            count, from, decoded,
            [&](std::uint32_t item, R&& value) { put(Result<R>(first + item, std::move(value))); },
            [&](std::uint32_t item, std::exception_ptr error) { put(Result<R>(first + item, std::move(error))); });
    }
}

// Every item's own outcome: of a map_results.
template <class R>
class AllResults : public OutcomeCall<std::vector<Result<R>>> {
  public:
    using OutcomeCall<std::vector<Result<R>>>::OutcomeCall;
    using Item = R;
    void expect(std::uint64_t count) { results_.reserve(count); }

    void values(std::uint64_t first, std::uint32_t count, Decoder& from, std::uint32_t& decoded) override {
        detail::decode_results<R>(first, count, from, decoded, [this](Result<R> result) { put(std::move(result)); });
    }
    void failed(std::uint64_t item, std::exception_ptr error) override { put(Result<R>(item, std::move(error))); }
    void put(Result<R> result) {
        if (results_.size() <= result.index()) results_.resize(result.index() + 1);
        results_[result.index()].emplace(std::move(result));
        ++this->done_;
    }
    void finished() override {
        if (!this->error()) {
            auto& all = this->value_.emplace();
            all.reserve(results_.size());
            for (auto& result : results_) {
                if (result) all.push_back(*std::move(result));  // none: it was given up
            }
        }
        this->set_ready();
    }

  private:
    std::vector<std::optional<Result<R>>> results_;
};

}  // namespace haid::detail
