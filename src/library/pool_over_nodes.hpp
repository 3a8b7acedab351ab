// What is between a Pool and the nodes of a Slurm job, with which not every program is linked.
#pragma once

#include <memory>

#include "haid/detail/pool/call.hpp"
#include "haid/options.hpp"

// In src/reach, which is haid::cluster: nothing else needs libsodium, with whose archive haid::haid could hardly become
// part of a shared library (docs/architecture.md). Weak: a null pointer in programs without it. With a name that a
// linker can be told (--undefined), for what is referred to weakly is not taken out of an archive.
// The engine of a pool whose `nodes` is not empty; nullptr: the job has no more than this node. The caller owns it.
extern "C" [[gnu::weak]] haid::detail::Engine* haid_pool_over_nodes(const haid::PoolOptions& options);

namespace haid::library {

// Workers of this machine.
std::unique_ptr<detail::Engine> engine_of_processes(PoolOptions options);

}  // namespace haid::library
