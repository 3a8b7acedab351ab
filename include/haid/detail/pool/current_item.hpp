// Which item of a call runs in a thread: what haid::item_index() tells. Not for users.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace haid::detail {

class Task;

// As long as it lives, this thread runs items of a call. They may wait for a call whose items run here meanwhile: then
// what was true before is true again.
class CurrentItem {
  public:
    CurrentItem() noexcept;
    // Whichever of the task's items runs: that it is told so costs an item nothing.
    explicit CurrentItem(const Task& task) noexcept;
    ~CurrentItem();
    CurrentItem(const CurrentItem&) = delete;
    CurrentItem& operator=(const CurrentItem&) = delete;

    void is(std::uint64_t index) noexcept;

    struct Place {
        const Task* task = nullptr;
        std::optional<std::uint64_t> index;
        pid_t process = 0;  // a copy of it runs no item
    };

  private:
    Place before_;
};

}  // namespace haid::detail
