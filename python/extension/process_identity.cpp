#include "process_identity.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "process/fork.hpp"
#include "system/descriptor.hpp"

namespace haid::python {

std::optional<std::uint64_t> start_of_process(std::uint32_t pid) {
    std::string stat = system::read_small_file(fmt::format("/proc/{}/stat", pid));
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    const char state = stat.size() > name_end + 2 ? stat[name_end + 2] : 'Z';
    if (state == 'Z' || state == 'X') return std::nullopt;
    std::size_t at = name_end;
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
    return at == std::string::npos ? 0 : std::strtoull(stat.c_str() + at, nullptr, 10);
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
