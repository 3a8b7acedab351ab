// What an agent does for the allocation when nobody is in charge of it any more.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace haid::cluster {

// The coordinator has gone silent. Where the node of the batch script is lost, Slurm keeps a job that was submitted
// with
// --no-kill running, with nobody in it who does anything: then the job is put back into the queue (`requeue_it`) or
// cancelled. Looks for some minutes whether that is so, rarely, and the later the more nodes come before this one.
// Returns when it has done so, or where there is nothing to be done: the batch script's node is this one, or is there
// all the time, or Slurm cannot be reached. `wait`: false where it is not to go on.
void free_allocation_if_lost(const std::string& node, bool requeue_it,
                             const std::function<bool(std::chrono::seconds)>& wait);

}  // namespace haid::cluster
