#include "system/process_table.hpp"

#include <dirent.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_set>

#include "system/descriptor.hpp"

namespace haid::system {

std::vector<ProcessEntry> process_table() {
    std::vector<ProcessEntry> table;
    DIR* proc = ::opendir("/proc");
    if (proc == nullptr) return table;
    while (dirent* entry = ::readdir(proc)) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        std::string stat = read_small_file(std::string("/proc/") + entry->d_name + "/stat");
        // The name in parentheses may itself hold spaces and parentheses: the fields start after the last one.
        std::size_t name_end = stat.rfind(')');
        if (name_end == std::string::npos) continue;
        ProcessEntry process{std::atoi(entry->d_name), 0, 0, '?'};
        if (std::sscanf(stat.c_str() + name_end + 1, " %c %d %d", &process.state, &process.parent, &process.group) ==
            3) {
            table.push_back(process);
        }
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
