// A call that a pool over nodes has not done with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <set>

#include "haid/detail/pool/call.hpp"
#include "remote/messages.hpp"

namespace haid::remote {

struct ActiveCall {
    bool is_told() const { return !cancelled || call->wants_what_had_begun(); }

    std::shared_ptr<detail::Call> call;
    std::uint64_t number = 0;
    std::uint64_t next_item = 0;
    std::uint64_t open = 0;  // items given and not resolved
    double item_time = 0;    // nanoseconds an item takes a worker, smoothed; 0: not known yet
    std::uint32_t last_chunk = 1;
    std::list<ActiveCall*>::iterator to_fill;  // end(): has no more items to give
    bool cancelled = false;
    bool shared = false;  // all its tasks have `common`
    Bytes common;
    std::set<std::size_t> opened;  // nodes that know it
    std::set<std::size_t> ending;  // nodes that have yet to say that nothing of it runs there
};

}  // namespace haid::remote
