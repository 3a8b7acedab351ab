// A call that a pool over nodes has not done with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <set>

#include "pool/call_under_way.hpp"
#include "remote/messages.hpp"

namespace haid::remote {

struct ActiveCall : pool::CallUnderWay {
    using CallUnderWay::CallUnderWay;

    std::uint64_t number = 0;
    std::list<ActiveCall*>::iterator to_fill;  // end(): has no more items to give
    bool shared = false;                       // all its tasks have `common`
    Bytes common;
    std::set<std::size_t> opened;  // nodes that know it
    std::set<std::size_t> ending;  // nodes that have yet to say that nothing of it runs there
};

}  // namespace haid::remote
