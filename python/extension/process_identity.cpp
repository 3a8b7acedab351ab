#include "process_identity.hpp"

#include <unistd.h>

#include "process/fork.hpp"
#include "system/process_table.hpp"

namespace haid::python {

std::optional<std::uint64_t> start_of_process(std::uint32_t pid) {
    const auto entry = system::process_entry(static_cast<pid_t>(pid));
    if (!entry || entry->state == 'Z' || entry->state == 'X') return std::nullopt;
    return entry->start;
}

const ProcessIdentity& self() {
    static ProcessIdentity only{};
    static const bool watches = (process::at_fork_in_child([] { only = {}; }), true);
    if (watches && only.pid == 0) {
        only.pid = static_cast<std::uint32_t>(::getpid());
        only.start = start_of_process(only.pid).value_or(0);
    }
    return only;
}

}  // namespace haid::python
