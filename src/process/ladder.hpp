// How a process is made to end: signals, each with the time it gets to work.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

namespace haid::process {

struct Rung {
    int signal;
    std::chrono::milliseconds wait;  // before the next rung
};
using Ladder = std::vector<Rung>;

// GNU parallel's default: TERM,200,TERM,100,TERM,50,KILL,25.
Ladder default_ladder();

// "TERM,200,KILL,25": signal names or numbers, and milliseconds. Throws std::invalid_argument naming the wrong part.
Ladder parse_ladder(std::string_view text);

}  // namespace haid::process
