#include "haid/detail/pool/current_item.hpp"

#include <unistd.h>

#include "haid/detail/pool/task.hpp"
#include "haid/random.hpp"

namespace haid {
namespace detail {
namespace {

constinit thread_local CurrentItem::Place current;

}  // namespace

CurrentItem::CurrentItem() noexcept : before_(current) {
    current = {nullptr, std::nullopt, ::getpid()};
}

CurrentItem::CurrentItem(const Task& task) noexcept : before_(current) {
    current = {&task, std::nullopt, ::getpid()};
}

CurrentItem::~CurrentItem() {
    current = before_;
}

void CurrentItem::is(std::uint64_t index) noexcept {
    current.index = index;
}

}  // namespace detail

std::optional<std::uint64_t> item_index() noexcept {
    const detail::CurrentItem::Place& here = detail::current;
    if (here.process == 0 || here.process != ::getpid()) return std::nullopt;
    return here.task != nullptr ? here.task->running() : here.index;
}

}  // namespace haid
