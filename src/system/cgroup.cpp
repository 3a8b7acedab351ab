#include "system/cgroup.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "system/text.hpp"

namespace haid::system {

namespace {

// Paths here are the machine's, without the prefix `root` of the facts.

struct Mount {
    std::string root;  // the cgroup that is shown at the mount point
    std::string point;
};

bool is_folder(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool lists(std::string_view comma_separated, std::string_view name) {
    auto parts = split(comma_separated, ',');
    return std::find(parts.begin(), parts.end(), name) != parts.end();
}

// /proc/self/mountinfo writes space, tab, newline and backslash as three octal digits (proc(5)).
std::string decode_octal(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned code = 0;
        const char* digits = text.data() + i + 1;
        if (text[i] == '\\' && text.size() - i > 3 && std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
            decoded += static_cast<char>(code);
            i += 3;
        } else {
            decoded += text[i];
        }
    }
    return decoded;
}

// Takes the kernel as long as all other files together (50 us for 26 mounts), and hardly ever changes: what was read a
// moment ago is good enough for those who start pool after pool. Of each thread: a lock might be held at a fork.
std::string mount_table(const std::string& root) {
    constexpr std::chrono::seconds moment{1};
    thread_local std::optional<std::chrono::steady_clock::time_point> read_at;
    thread_local std::string table;
    if (!root.empty()) return read_text(root + "/proc/self/mountinfo").value_or("");
    const auto now = std::chrono::steady_clock::now();
    if (!read_at || now - *read_at > moment) {
        table = read_text("/proc/self/mountinfo").value_or("");
        read_at = now;
    }
    return table;
}

// What the kernel says of this process's cgroups.
struct Texts {
    explicit Texts(const std::string& root)
        : cgroups(read_text(root + "/proc/self/cgroup").value_or("")), mounts(mount_table(root)) {}
    std::string cgroups;
    std::string mounts;
};

// The cgroup of this process in the hierarchy of a v1 controller, or in the v2 hierarchy for "".
std::optional<std::string> own_cgroup(const Texts& texts, std::string_view controller) {
    for (auto line : split(texts.cgroups, '\n')) {  // "4:cpu,cpuacct:/path", "0::/path"
        auto first = line.find(':');
        auto second = first == line.npos ? first : line.find(':', first + 1);
        if (second == line.npos) continue;
        auto controllers = line.substr(first + 1, second - first - 1);
        bool matches =
            controller.empty() ? line.substr(0, first) == "0" && controllers.empty() : lists(controllers, controller);
        if (matches) return std::string(line.substr(second + 1));
    }
    return {};
}

std::vector<Mount> mounts_of(const std::string& root, const Texts& texts, std::string_view controller) {
    std::vector<Mount> mounts;
    for (auto line : split(texts.mounts, '\n')) {
        // "id parent major:minor root point options optional… - type source super-options"
        auto dash = line.find(" - ");
        // Most are none, and there may be hundreds.
        if (dash == line.npos || !line.substr(dash + 3).starts_with("cgroup")) continue;
        auto before = split(line.substr(0, dash), ' ');
        auto after = split(line.substr(dash + 3), ' ');
        if (before.size() < 6 || after.size() < 3) continue;
        bool matches = controller.empty() ? after[0] == "cgroup2" : after[0] == "cgroup" && lists(after[2], controller);
        if (!matches) continue;
        Mount mount{decode_octal(before[3]), decode_octal(before[4])};
        // A later mount may have covered this one.
        if (is_folder(root + mount.point)) mounts.push_back(std::move(mount));
    }
    return mounts;
}

// The path of `cgroup` below the cgroup `top`: "" or "/a/b"; none where it is not below it.
std::optional<std::string> path_below(std::string_view top, std::string_view cgroup) {
    while (top.ends_with('/')) top.remove_suffix(1);
    while (cgroup.ends_with('/')) cgroup.remove_suffix(1);
    if (!cgroup.starts_with(top)) return {};
    auto rest = cgroup.substr(top.size());
    if (!rest.empty() && rest.front() != '/') return {};
    // A cgroup namespace shows what lies outside itself as "/../name" (cgroup_namespaces(7)): names of the way
    // are lost.
    auto parts = split(rest, '/');
    if (std::find(parts.begin(), parts.end(), "..") != parts.end()) return {};
    return std::string(rest);
}

// The folders of this process's cgroup and of those above it, as far as they exist, innermost first.
std::vector<std::string> own_folders(const std::string& root, const Texts& texts, std::string_view controller) {
    auto cgroup = own_cgroup(texts, controller);
    auto mounts = mounts_of(root, texts, controller);
    if (!cgroup || mounts.empty()) return {};
    // The mount that shows most of the way up; of equals, the one that was mounted last.
    const Mount* best = &mounts.back();
    std::optional<std::string> below;
    for (const auto& mount : mounts) {
        auto path = path_below(mount.root, *cgroup);
        if (path && (!below || path->size() >= below->size())) {
            best = &mount;
            below = path;
        }
    }
    std::vector<std::string> folders;
    for (std::string path = below.value_or("");; path.resize(path.rfind('/'))) {
        auto folder = best->point + path;
        if (is_folder(root + folder)) folders.push_back(folder);
        if (path.empty()) return folders;
    }
}

ResourceSource no_limit(const char* name, const std::vector<std::string>& folders, const char* what) {
    auto above = folders.size() > 1 ? " and above" : "";
    return {name, fmt::format("{}{}: no {}", folders.front(), above, what), {}};
}

ResourceSource not_understood(const char* name, const std::string& path, const std::string& text) {
    return {name, fmt::format("{}: \"{}\" is ignored: not in the kernel's format", path, text), {}};
}

ResourceSource quota_source(const char* name, const std::string& path, std::string_view quota,
                            std::string_view period) {
    auto text = fmt::format("{} {}", quota, period);
    auto allowed = parse_whole_number(quota).value_or(0);
    auto in = parse_whole_number(period).value_or(0);
    if (allowed == 0 || in == 0) return not_understood(name, path, text);
    return {name, fmt::format("{}: {}", path, text), static_cast<double>(allowed) / static_cast<double>(in)};
}

void add_v2_quotas(const std::string& root, const Texts& texts, std::vector<ResourceSource>& sources) {
    constexpr auto name = "cgroup v2 quota";
    auto folders = own_folders(root, texts, "");
    bool any_file = false;
    auto count = sources.size();
    for (const auto& folder : folders) {
        auto path = folder + "/cpu.max";
        auto text = read_text(root + path);
        if (!text) continue;
        any_file = true;
        auto parts = split(*text, ' ');
        // The period may be left out where the file is written; 100 ms is the kernel's default.
        auto period = parts.size() > 1 ? parts[1] : "100000";
        if (parts[0] != "max") sources.push_back(quota_source(name, path, parts[0], period));
    }
    if (any_file && sources.size() == count) sources.push_back(no_limit(name, folders, "quota"));
}

void add_v1_quotas(const std::string& root, const Texts& texts, std::vector<ResourceSource>& sources) {
    constexpr auto name = "cgroup v1 quota";
    auto folders = own_folders(root, texts, "cpu");
    bool any_file = false;
    auto count = sources.size();
    for (const auto& folder : folders) {
        auto path = folder + "/cpu.cfs_quota_us";
        auto quota = read_text(root + path);
        auto period = read_text(root + folder + "/cpu.cfs_period_us");
        if (!quota || !period) continue;
        any_file = true;
        bool none = quota->starts_with('-');  // -1
        if (!none) sources.push_back(quota_source(name, path, *quota, *period));
    }
    if (any_file && sources.size() == count) sources.push_back(no_limit(name, folders, "quota"));
}

std::uint64_t number_in(const std::string& path) {
    return parse_whole_number(read_text(path).value_or("")).value_or(0);
}

// A line "key number" of memory.stat.
std::optional<std::uint64_t> statistic(const std::string& path, std::string_view key) {
    auto text = read_text(path);
    if (!text) return {};
    for (auto line : split(*text, '\n')) {
        auto parts = split(line, ' ');
        if (parts.size() == 2 && parts[0] == key) return parse_whole_number(parts[1]);
    }
    return {};
}

std::uint64_t headroom(std::uint64_t limit, std::uint64_t usage, std::uint64_t reclaimable) {
    auto used = usage - std::min(usage, reclaimable);
    return limit - std::min(limit, used);
}

CgroupMemoryLimit memory_limit(const char* name, const std::string& path, std::uint64_t limit, std::uint64_t left) {
    return {{name, fmt::format("{}: {}", path, limit), static_cast<double>(limit)}, limit, left};
}

void add_v2_memory(const std::string& root, const Texts& texts, std::vector<CgroupMemoryLimit>& limits) {
    auto folders = own_folders(root, texts, "");
    bool any_file = false;
    auto count = limits.size();
    for (const auto& folder : folders) {
        auto usage = number_in(root + folder + "/memory.current");
        auto cache = statistic(root + folder + "/memory.stat", "inactive_file").value_or(0);
        // Above memory.high nothing fails, but everything is slowed down to be reclaimed: as little to be used
        // as above memory.max (Documentation/admin-guide/cgroup-v2.rst).
        for (const char* file : {"memory.max", "memory.high"}) {
            auto path = fmt::format("{}/{}", folder, file);
            auto name = fmt::format("cgroup v2 {}", file);
            auto text = read_text(root + path);
            if (!text) continue;
            any_file = true;
            if (*text == "max") continue;
            if (auto limit = parse_whole_number(*text)) {
                limits.push_back(memory_limit(name.c_str(), path, *limit, headroom(*limit, usage, cache)));
            } else {
                limits.push_back({not_understood(name.c_str(), path, *text)});
            }
        }
    }
    if (any_file && limits.size() == count) limits.push_back({no_limit("cgroup v2 memory.max", folders, "limit")});
}

// "No limit" reads as LONG_MAX rounded down to a page (mm/page_counter.c; LLONG_MAX or more before Linux 3.19);
// pages are at most 64 KiB.
constexpr std::uint64_t v1_unlimited = 0x7fff'ffff'ffff'0000;

std::uint64_t v1_headroom(const std::string& folder, std::uint64_t limit) {
    return headroom(limit, number_in(folder + "/memory.usage_in_bytes"),
                    statistic(folder + "/memory.stat", "total_inactive_file").value_or(0));
}

void add_v1_memory(const std::string& root, const Texts& texts, std::vector<CgroupMemoryLimit>& limits) {
    constexpr auto name = "cgroup v1 memory limit";
    auto folders = own_folders(root, texts, "memory");
    bool any_file = false;
    auto count = limits.size();
    auto tightest = v1_unlimited;
    std::string innermost;
    for (const auto& folder : folders) {
        // Without use_hierarchy a cgroup does not count what those below it use.
        if (any_file && read_text(root + folder + "/memory.use_hierarchy") == "0") break;
        auto path = folder + "/memory.limit_in_bytes";
        auto text = read_text(root + path);
        if (!text) continue;
        if (!any_file) innermost = folder;
        any_file = true;
        auto limit = parse_whole_number(*text);
        if (!limit) {
            limits.push_back({not_understood(name, path, *text)});
        } else if (*limit < v1_unlimited) {
            limits.push_back(memory_limit(name, path, *limit, v1_headroom(root + folder, *limit)));
            tightest = std::min(tightest, *limit);
        }
    }
    if (!any_file) return;
    // Tells also the limits above the mount point, which a container cannot read. What is used there is at
    // least what is used here.
    auto inherited = statistic(root + innermost + "/memory.stat", "hierarchical_memory_limit");
    if (inherited && *inherited < tightest) {
        limits.push_back(memory_limit(name, innermost + "/memory.stat: hierarchical_memory_limit", *inherited,
                                      v1_headroom(root + innermost, *inherited)));
    }
    if (limits.size() == count) limits.push_back({no_limit(name, folders, "limit")});
}

}  // namespace

std::vector<ResourceSource> cgroup_cpu_sources(const std::string& root) {
    const Texts texts(root);
    std::vector<ResourceSource> sources;
    add_v2_quotas(root, texts, sources);
    add_v1_quotas(root, texts, sources);
    return sources;
}

std::vector<CgroupMemoryLimit> cgroup_memory_limits(const std::string& root) {
    const Texts texts(root);
    std::vector<CgroupMemoryLimit> limits;
    add_v2_memory(root, texts, limits);
    add_v1_memory(root, texts, limits);
    return limits;
}

}  // namespace haid::system
