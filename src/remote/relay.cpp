#include "remote/relay.hpp"

#include <cstring>

#include "haid/detail/pool/functions.hpp"
#include "haid/error.hpp"
#include "pool/exceptions.hpp"

namespace haid::remote {
namespace {

// What is the whole call's is seen to where that is.
detail::Limits limits_here(detail::Limits limits) {
    limits.chunk_size = 0;
    limits.one_at_a_time = false;
    limits.stop_at_failure = false;
    limits.most_waiting = 0;
    return limits;
}

}  // namespace

Bytes bytes_of(const std::exception_ptr& error) {
    BufferEncoder bytes;
    pool::encode_exception(bytes, error);
    return {bytes.bytes().begin(), bytes.bytes().end()};
}

Relay::Relay(Open open, std::function<void(OfHost&&)> tell)
    : Call(limits_here(open.limits)), open_(std::move(open)), tell_(std::move(tell)) {
    Call::tell(*this);
}

// Each of the pool's tasks is one here, whatever the size that the engine asks for: it gives parts of it to its
// workers.
std::uint32_t Relay::fill(detail::TaskWriter& writer) {
    if (waiting_.empty()) return 0;
    const Items items = std::move(waiting_.front());
    waiting_.pop_front();
    writer.run = detail::function_of<detail::RunTask>(items.function);
    writer.first = items.first;
    writer.begin = items.from;
    writer.context = items.context;
    if (open_.shared) writer.share(open_.common);
    if (!items.input.empty()) std::memcpy(writer.place(items.input.size()), items.input.data(), items.input.size());
    return items.to;
}

void Relay::values(std::uint64_t, std::uint32_t count, Decoder& from, std::uint32_t& decoded) {
    const auto bytes = from.take(from.remaining());
    values_.assign(bytes.begin(), bytes.end());
    large_ = false;
    decoded = count;
}

void Relay::large_value(std::uint64_t, std::vector<std::byte>& bytes, std::uint32_t& decoded) {
    values_ = std::move(bytes);
    large_ = true;
    decoded = 1;
}

void Relay::on_ending(const schedule::Ending& ending) {
    const Attempt attempt{ending.took.count(), static_cast<int>(ending.place), ending.attempt};
    if (ending.error == nullptr) {
        return tell_(Values{open_.call, ending.which, static_cast<std::uint32_t>(ending.count), attempt, large_,
                            std::exchange(values_, {})});
    }
    if (ending.again && !open_.listened_to) return;
    Failed failed{open_.call, ending.which, attempt, ending.again, {}, bytes_of(*ending.error)};
    try {
        std::rethrow_exception(*ending.error);
    } catch (const WorkerLost& lost) {
        failed.lost = Failed::Lost{lost.what(), lost.exit_code()};
    } catch (...) {
        // The bytes say all.
    }
    tell_(std::move(failed));
}

void Relay::aborted(std::exception_ptr error) {
    tell_(Aborted{open_.call, bytes_of(error)});
}

}  // namespace haid::remote
