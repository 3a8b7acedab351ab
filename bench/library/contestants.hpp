// Who takes part. Each run of the program is one contestant's: none has another's threads or memory about it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace bench {

struct Setting {
    int workers = 1;
    std::uint64_t turns = 0;  // of spin(), for the uneven tasks
};

struct Contestant {
    std::string_view name;
    void (*run)(const Setting&);
};

std::span<const Contestant> ours();
std::span<const Contestant> peers();

// A figure for whoever started this program.
void tell(std::string_view name, double value);

}  // namespace bench
