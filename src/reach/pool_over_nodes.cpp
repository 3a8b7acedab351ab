#include "library/pool_over_nodes.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "haid/codec.hpp"
#include "haid/detail/pool/functions.hpp"
#include "pool/options.hpp"
#include "remote/build.hpp"
#include "remote/engine.hpp"
#include "remote/host.hpp"

namespace haid::reach {
namespace {

std::unique_ptr<detail::Engine> engine_of_nodes(const PoolOptions& options) {
    pool::check(options);
    if (const auto* function = options.initializer.target<void (*)()>();
        function != nullptr && !remote::is_of_this_build(detail::number_of(*function))) {
        throw std::invalid_argument("the initializer of a pool over nodes must be a function of the program itself");
    }
    PoolOptions on_each = options;
    on_each.nodes.clear();
    BufferEncoder description;
    encode(description, on_each);
    const auto bytes = description.bytes();
    return remote::make_engine({remote::plan_for(options.nodes),
                                {std::filesystem::read_symlink("/proc/self/exe").string()},
                                remote::this_build(),
                                {bytes.begin(), bytes.end()}});
}

std::shared_ptr<detail::Engine> engine_of_host(const remote::Bytes& bytes) {
    Decoder from(bytes);
    auto options = decode<PoolOptions>(from);
    from.expect_end();
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
