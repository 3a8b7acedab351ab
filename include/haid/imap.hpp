// Results one after another while the inputs are still being read.
#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "haid/detail/pool/imap_call.hpp"
#include "haid/detail/sync/deadline.hpp"
#include "haid/error.hpp"
#include "haid/result.hpp"

namespace haid {

// The results of an imap, as a range to be gone through once. The input is read as results are taken, by the thread
// that takes them: no further ahead than CallOptions::buffer_size says, so that an endless input works and a slow
// consumer stops the reading. Destroying it gives up what has not begun, also of a chunk that runs; what has begun is
// let end. For one thread. One that was moved from has no results: an Error.
template <class R>
class Imap {
  public:
    // Pool::imap and its kin make one.
    explicit Imap(std::shared_ptr<detail::ImapSource<R>> source) : source_(std::move(source)) {}

    // The next result; nullopt at the end. Throws what reading the input throws, or Error where the pool cannot go on.
    std::optional<Result<R>> next() { return source().next(std::nullopt); }
    // Throws TimeoutError where there is none after that time; it may be asked for again.
    template <class Rep, class Period>
    std::optional<Result<R>> next_for(std::chrono::duration<Rep, Period> time) {
        return source().next(detail::Deadline::after(time).on_steady_clock());
    }
    template <class Clock, class Duration>
    std::optional<Result<R>> next_until(std::chrono::time_point<Clock, Duration> time) {
        return source().next(detail::Deadline::at(time).on_steady_clock());
    }

    class iterator {
      public:
        using value_type = Result<R>;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        iterator() = default;
        explicit iterator(Imap* from) : from_(from) { ++*this; }
        Result<R>& operator*() const { return *from_->current_; }
        Result<R>* operator->() const { return &*from_->current_; }
        iterator& operator++() {
            from_->current_ = from_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return !from_->current_; }

      private:
        Imap* from_ = nullptr;
    };
    iterator begin() { return iterator(this); }
    std::default_sentinel_t end() const { return {}; }

  private:
    detail::ImapSource<R>& source() {
        if (!source_) throw Error("this haid::Imap was moved from: it has no results");
        return *source_;
    }

    std::shared_ptr<detail::ImapSource<R>> source_;
    std::optional<Result<R>> current_;
};

}  // namespace haid
