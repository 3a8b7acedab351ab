// What became of one item: a value or an error.
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <variant>

namespace haid {

//     for (haid::Result<int> r : pool.imap_unordered(f, numbers)) r ? use(*r) : complain(r.what());
//
// A value type; not thread-safe.
template <class T>
class Result {
  public:
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

    Result(std::size_t index, Value value) : index_(index), outcome_(std::in_place_index<0>, std::move(value)) {}
    Result(std::size_t index, std::exception_ptr error)
        : index_(index), outcome_(std::in_place_index<1>, std::move(error)) {}

    // Which input it belongs to, from 0.
    std::size_t index() const noexcept { return index_; }
    bool has_value() const noexcept { return outcome_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    // The value; the error is thrown where there is none.
    Value& value() & {
        check();
        return std::get<0>(outcome_);
    }
    const Value& value() const& {
        check();
        return std::get<0>(outcome_);
    }
    Value value() && {
        check();
        return std::get<0>(std::move(outcome_));
    }
    Value& operator*() & { return value(); }
    const Value& operator*() const& { return value(); }
    Value operator*() && { return std::move(*this).value(); }
    Value* operator->() { return &value(); }
    const Value* operator->() const { return &value(); }

    // nullptr where there is a value.
    std::exception_ptr error() const noexcept { return has_value() ? nullptr : std::get<1>(outcome_); }
    // The error's message; empty where there is a value.
    std::string what() const {
        if (has_value()) return {};
        try {
            std::rethrow_exception(std::get<1>(outcome_));
        } catch (const std::exception& error) {
            return error.what();
        } catch (...) {
            return "an error without a message";
        }
    }

  private:
    void check() const {
        if (!has_value()) std::rethrow_exception(std::get<1>(outcome_));
    }

    std::size_t index_;
    std::variant<Value, std::exception_ptr> outcome_;
};

}  // namespace haid
