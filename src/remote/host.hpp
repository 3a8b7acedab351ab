// A node's part of a pool over nodes: a process that has a pool of its own there, and runs what it is given.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "haid/detail/pool/call.hpp"
#include "remote/messages.hpp"

namespace haid::remote {

// Where the pool is; nullopt: this process was not started to be a host. Removes it from the environment.
struct Summons {
    std::string addresses;
    std::string secret_file;
};
std::optional<Summons> take_summons();

// Makes the engine from what the pool has told about its workers. Called on the thread that calls run_host.
using MakeEngine = std::function<std::shared_ptr<detail::Engine>(const Bytes& description)>;

// Until the pool says goodbye, or is gone. Returns the exit status; what goes wrong is told on standard error.
int run_host(const Summons& summons, const std::string& build, const MakeEngine& make_engine);

}  // namespace haid::remote
