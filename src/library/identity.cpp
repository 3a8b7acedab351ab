#include "library/identity.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <ostream>

#include "haid/detail/pool/forked.hpp"

namespace haid {
namespace {

// Who this process is. Written only by a new process before anything else runs in it: reading needs no lock.
struct Self {
    ProcessInfo info{"MainProcess"};
    std::string identity;  // "1:2" in the second process of the first
    std::optional<ProcessInfo> parent;
    std::atomic<int> children = 0;
};

Self& self() {
    static Self& only = *new Self;
    return only;
}

}  // namespace

namespace library {

std::string next_identity() {
    Self& here = self();
    int number = ++here.children;
    return here.identity.empty() ? std::to_string(number) : fmt::format("{}:{}", here.identity, number);
}

void become_process(const ProcessInfo& info, const std::string& identity, const ProcessInfo& parent) {
    Self& here = self();
    here.parent = parent;
    here.info = info;
    here.identity = identity;
    here.children = 0;
}

}  // namespace library

std::function<void(std::size_t)> detail::name_workers() {
    return [parent = current_process(), above = self().identity](std::size_t worker) {
        std::string identity = (above.empty() ? "" : above + ":") + std::to_string(worker + 1);
        library::become_process({"PoolWorker-" + identity, 0, false}, identity, parent);
    };
}

ProcessInfo current_process() {
    ProcessInfo info = self().info;
    info.pid = ::getpid();
    return info;
}

std::optional<ProcessInfo> parent_process() {
    return self().parent;
}

std::ostream& operator<<(std::ostream& out, const ProcessInfo& process) {
    return out << fmt::format("<Process name='{}' pid={}{}>", process.name, process.pid,
                              process.daemon ? " daemon" : "");
}

}  // namespace haid
