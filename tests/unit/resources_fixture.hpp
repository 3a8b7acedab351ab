// For tests of what this process may use: a machine of files, an environment, and how sources are looked at.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "system/resources.hpp"

namespace haid::system {

inline constexpr std::uint64_t gibibyte = 1024ULL * 1024 * 1024;

inline std::vector<std::string> words(const std::string& text) {
    std::istringstream stream(text);
    return {std::istream_iterator<std::string>(stream), {}};
}

inline const ResourceSource* find(const std::vector<ResourceSource>& sources, std::string_view name) {
    auto found = std::find_if(sources.begin(), sources.end(), [&](const auto& source) { return source.name == name; });
    return found == sources.end() ? nullptr : &*found;
}

inline std::string decided(const std::vector<ResourceSource>& sources) {
    std::string names;
    for (const auto& source : sources) {
        if (source.decided) names += (names.empty() ? "" : " ") + source.name;
    }
    return names;
}

inline void expect_ignored(const std::vector<ResourceSource>& sources, std::string_view name) {
    auto source = find(sources, name);
    ASSERT_NE(source, nullptr) << name;
    EXPECT_FALSE(source->value) << source->detail;
    EXPECT_NE(source->detail.find("ignored"), std::string::npos) << source->detail;
}

// A machine of files: /proc and /sys below a temporary folder.
class ResourcesTest : public testing::Test {
  protected:
    ResourcesTest() {
        std::string pattern = testing::TempDir() + "haid-resources-XXXXXX";
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
        root_ = pattern;
        write("/sys/devices/system/cpu/online", "0-15\n");
        write("/proc/meminfo",
              "MemTotal:       33554432 kB\nMemFree:        1048576 kB\nMemAvailable:   16777216 kB\n");
    }
    ~ResourcesTest() override { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }

    void mount_v2(const std::string& cgroup, const std::string& mount_root = "/") {
        write("/proc/self/cgroup", fmt::format("0::{}\n", cgroup));
        write("/proc/self/mountinfo",
              fmt::format("22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
                          "30 22 0:26 {} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
                          mount_root));
        std::filesystem::create_directories(root_ + "/sys/fs/cgroup");
    }

    void mount_v1(const std::string& cgroup, const std::string& mount_root = "/") {
        write("/proc/self/cgroup",
              fmt::format("9:cpuset:/other\n4:cpu,cpuacct:{0}\n3:memory:{0}\n1:name=systemd:/x\n", cgroup));
        write("/proc/self/mountinfo",
              fmt::format("31 22 0:28 {0} /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                          "32 22 0:29 {0} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
                          "33 22 0:30 {0} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
                          mount_root));
        std::filesystem::create_directories(root_ + "/sys/fs/cgroup/cpu,cpuacct");
        std::filesystem::create_directories(root_ + "/sys/fs/cgroup/memory");
    }

    void v1_quota(const std::string& cgroup, const std::string& quota, const std::string& period = "100000") {
        write("/sys/fs/cgroup/cpu,cpuacct" + cgroup + "/cpu.cfs_quota_us", quota + "\n");
        write("/sys/fs/cgroup/cpu,cpuacct" + cgroup + "/cpu.cfs_period_us", period + "\n");
    }

    // "NAME=value NAME=value"
    void set(const std::string& variables) {
        for (const auto& variable : words(variables)) {
            auto equals = variable.find('=');
            environment_[variable.substr(0, equals)] = variable.substr(equals + 1);
        }
    }

    ResourceFacts facts() const {
        auto environment = [this](std::string_view name) -> std::optional<std::string> {
            auto found = environment_.find(std::string(name));
            return found == environment_.end() ? std::nullopt : std::optional(found->second);
        };
        return {root_, environment, [this] { return affinity_; }, [this] { return host_; }};
    }

    CpuResources cpus() const { return cpu_resources(facts()); }
    MemoryResources memory() const { return memory_resources(facts()); }

    std::string cpu_answer() const { return fmt::format("{} by {}", cpus().usable, decided(cpus().sources)); }
    std::string memory_answer() const {
        return fmt::format("{} GiB by {}", memory().usable / gibibyte, decided(memory().sources));
    }

    std::string topology() const {
        auto found = cpu_topology(facts());
        return fmt::format("{} sockets, {} cores, {} threads", found.sockets, found.cores, found.threads);
    }

    std::string root_;
    std::map<std::string, std::string> environment_;
    int affinity_ = 16;
    std::string host_ = "laptop";
};

}  // namespace haid::system
