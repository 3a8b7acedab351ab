// How many jobs run at a time: the forms of -j, and those of --load, which are the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace haid::command {

// "4", "+2", "-1", "50%" and "0" (as many as there are; here the largest number), of `cpus`; never less than 1.
// nullopt where it is none of them.
std::optional<std::uint64_t> parse_jobs(std::string_view text, int cpus);

// How many jobs run at a time on a machine on which so many CPUs may be used. `jobs`: -j, as parse_jobs understands it;
// empty: as many as get `cpus_per_job` (0: one) each.
std::uint64_t jobs_at_a_time(std::string_view jobs, int cpus_per_job, int cpus);

}  // namespace haid::command
