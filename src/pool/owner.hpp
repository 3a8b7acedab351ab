// The process to which an engine belongs.
#pragma once

#include <cstdint>

#include "haid/error.hpp"
#include "process/fork.hpp"

namespace haid::pool {

class Owner {
  public:
    bool is_this_process() const { return process_ == process::this_process(); }
    // Throws Error in any other.
    void require_this_process() const {
        if (!is_this_process()) throw Error("this pool belongs to another process: a child makes its own");
    }

  private:
    std::uint64_t process_ = process::this_process();
};

}  // namespace haid::pool
