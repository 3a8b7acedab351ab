// Watching a job that was submitted, until it has ended.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "options.hpp"

namespace haid::cli {

struct FollowedJob {
    std::string number;
    std::string cluster;
    // Sizes of files to which the job will append, before it was submitted: by path, only those that were there.
    std::map<std::string, std::uint64_t> written_before;
};

// Prints the job's output as it grows, and on standard error what becomes of the job. Returns its exit status: 128 and
// the signal that ended it; 255 where it failed without any, or is not known any more.
int follow(const FollowedJob& followed, const Personality& who);

}  // namespace haid::cli
