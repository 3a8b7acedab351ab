#include "system/process_table.hpp"

#include <dirent.h>
#include <fmt/format.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_set>

#include "system/descriptor.hpp"

namespace haid::system {

std::optional<ProcessEntry> process_entry(pid_t pid) {
    const std::string stat = read_small_file(fmt::format("/proc/{}/stat", pid));
    // The name in parentheses may itself hold spaces and parentheses: the fields start after the last one. proc(5).
    const std::size_t name_end = stat.rfind(')');
    ProcessEntry process{pid, 0, 0, '?', 0};
    constexpr const char* fields =
        ") %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64;
    if (name_end == std::string::npos || std::sscanf(stat.c_str() + name_end, fields, &process.state, &process.parent,
                                                     &process.group, &process.start) != 4) {
        return std::nullopt;
    }
    return process;
}

std::vector<ProcessEntry> process_table() {
    std::vector<ProcessEntry> table;
    DIR* proc = ::opendir("/proc");
    if (proc == nullptr) return table;
    while (dirent* entry = ::readdir(proc)) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        if (auto process = process_entry(std::atoi(entry->d_name))) table.push_back(*process);
    }
    ::closedir(proc);
    return table;
}

std::vector<ProcessEntry> families(std::span<const pid_t> leaders) {
    std::vector<ProcessEntry> table = process_table();
    std::unordered_set<pid_t> roots(leaders.begin(), leaders.end());
    std::unordered_set<pid_t> members;
    // A parent may stand after its child in the table: go round until nothing is new (as deep as the tree at most).
    for (bool grew = true; grew;) {
        grew = false;
        for (const ProcessEntry& process : table) {
            if (members.contains(process.pid)) continue;
            if (roots.contains(process.group) || roots.contains(process.pid) || members.contains(process.parent)) {
                members.insert(process.pid);
                grew = true;
            }
        }
    }
    std::erase_if(table, [&](const ProcessEntry& p) { return p.state == 'Z' || !members.contains(p.pid); });
    return table;
}

}  // namespace haid::system
