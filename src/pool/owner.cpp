#include "pool/owner.hpp"

#include "haid/detail/pool/call.hpp"

namespace haid::detail {

std::shared_ptr<Engine> owned(std::unique_ptr<Engine> engine) {
    return {engine.release(), [owner = pool::Owner()](Engine* ours) {
                if (owner.is_this_process()) delete ours;
            }};
}

}  // namespace haid::detail
