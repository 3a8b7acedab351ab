#include "library/pool_over_nodes.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "haid/codec.hpp"
#include "haid/detail/pool/functions.hpp"
#include "remote/build.hpp"
#include "remote/engine.hpp"
#include "remote/host.hpp"

namespace haid::reach {
namespace {

// What a host is told of the pool.
struct Description {
    int workers;
    std::uint64_t tasks_per_worker;
    std::uint64_t initializer;  // its number; 0: none
};

std::uint64_t number_of_initializer(const std::function<void()>& initializer) {
    if (!initializer) return 0;
    const auto* function = initializer.target<void (*)()>();
    if (function == nullptr || !remote::is_of_this_build(detail::number_of(*function))) {
        throw std::invalid_argument(
            "the initializer of a pool over nodes must be a plain function of the program (a lambda without captures "
            "becomes one with a + before it)");
    }
    return detail::number_of(*function);
}

std::unique_ptr<detail::Engine> engine_of_nodes(const PoolOptions& options) {
    if (options.workers < 0) throw std::invalid_argument("a pool cannot have less than no workers");
    BufferEncoder description;
    encode(description,
           Description{options.workers, options.tasks_per_worker, number_of_initializer(options.initializer)});
    const auto bytes = description.bytes();
    return remote::make_engine({remote::plan_for(options.nodes),
                                {std::filesystem::read_symlink("/proc/self/exe").string()},
                                remote::this_build(),
                                {bytes.begin(), bytes.end()}});
}

std::shared_ptr<detail::Engine> engine_of_host(const remote::Bytes& bytes) {
    Decoder from(bytes);
    const auto description = decode<Description>(from);
    PoolOptions options;
    options.workers = description.workers;
    options.tasks_per_worker = description.tasks_per_worker;
    if (description.initializer != 0) options.initializer = detail::function_of<void (*)()>(description.initializer);
    return library::engine_of_processes(std::move(options));
}

// Before main(), and behind the initialisation of what was linked before the library: its functions are called here.
[[gnu::constructor]] void become_host() {
    const auto summons = remote::take_summons();
    if (!summons) return;
    const int status = remote::run_host(*summons, remote::this_build(), engine_of_host);
    std::fflush(nullptr);
    ::_exit(status);
}

}  // namespace
}  // namespace haid::reach

haid::detail::Engine* haid_pool_over_nodes(const haid::PoolOptions& options) {
    return haid::remote::spans_nodes(options.nodes) ? haid::reach::engine_of_nodes(options).release() : nullptr;
}
