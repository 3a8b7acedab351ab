#include "system/resources.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "resources_fixture.hpp"

namespace haid::system {
namespace {

TEST_F(ResourcesTest, WithoutCgroupTheAffinityMaskDecides) {
    affinity_ = 3;
    EXPECT_EQ(cpu_answer(), "3 by affinity mask");
    auto result = cpus();
    ASSERT_NE(find(result.sources, "machine"), nullptr);
    EXPECT_EQ(find(result.sources, "machine")->value, 16);
    EXPECT_EQ(result.sources.size(), 2U);
}

TEST_F(ResourcesTest, OfEqualSourcesTheFirstDecides) {
    set("HAID_CPUS=16");
    EXPECT_EQ(decided(cpus().sources), "affinity mask");
}

TEST_F(ResourcesTest, TheMachineIsAnUpperLimit) {
    affinity_ = 32;
    write("/sys/devices/system/cpu/online", "0-3,6\n");
    EXPECT_EQ(cpu_answer(), "5 by machine");
    write("/sys/devices/system/cpu/online", "garbage");
    write("/proc/cpuinfo", "processor\t: 0\n\nprocessor\t: 1\n\n");
    EXPECT_EQ(cpus().usable, 2);
}

TEST_F(ResourcesTest, NothingKnownIsOneCpuAndNoMemoryLimit) {
    ResourceFacts nothing;
    nothing.root = root_ + "/missing";
    EXPECT_EQ(cpu_resources(nothing).usable, 1);
    EXPECT_TRUE(cpu_resources(nothing).sources.empty());
    EXPECT_EQ(memory_resources(nothing).usable, UINT64_MAX);
    EXPECT_EQ(available_memory(nothing), UINT64_MAX);
    EXPECT_EQ(cpu_topology(nothing).threads, 1);
}

TEST_F(ResourcesTest, V2QuotaOfAnAncestorCounts) {
    mount_v2("/a.slice/b.scope");
    write("/sys/fs/cgroup/a.slice/cpu.max", "300000 100000\n");
    write("/sys/fs/cgroup/a.slice/b.scope/cpu.max", "800000 100000\n");
    EXPECT_EQ(cpu_answer(), "3 by cgroup v2 quota");
    auto result = cpus();
    ASSERT_EQ(result.sources.size(), 4U);
    EXPECT_EQ(result.sources[2].detail, "/sys/fs/cgroup/a.slice/b.scope/cpu.max: 800000 100000");
    EXPECT_FALSE(result.sources[2].decided);
    EXPECT_EQ(result.sources[3].detail, "/sys/fs/cgroup/a.slice/cpu.max: 300000 100000");
    EXPECT_TRUE(result.sources[3].decided);
}

TEST_F(ResourcesTest, FractionalQuotasAreRoundedUp) {
    mount_v2("/a");
    auto with_quota = [&](const char* text) {
        write("/sys/fs/cgroup/a/cpu.max", text);
        return cpu_answer();
    };
    EXPECT_EQ(with_quota("1000 100000"), "1 by cgroup v2 quota");
    EXPECT_EQ(with_quota("200000 100000"), "2 by cgroup v2 quota");
    EXPECT_EQ(with_quota("250000"), "3 by cgroup v2 quota");
    EXPECT_EQ(with_quota("50000 25000"), "2 by cgroup v2 quota");
    EXPECT_EQ(with_quota("150000 100000"), "2 by cgroup v2 quota");
    EXPECT_EQ(find(cpus().sources, "cgroup v2 quota")->value, 1.5);
}

TEST_F(ResourcesTest, QuotasThatAreNoneOrNotUnderstoodDoNotLimit) {
    mount_v2("/a");
    write("/sys/fs/cgroup/a/cpu.max", "max 100000");
    EXPECT_EQ(cpus().usable, 16);
    ASSERT_EQ(cpus().sources.size(), 3U);
    EXPECT_FALSE(cpus().sources[2].value);
    EXPECT_EQ(cpus().sources[2].detail, "/sys/fs/cgroup/a and above: no quota");
    for (const char* text : {"garbage", "100000 0", "0 100000", "-5 100000", ""}) {
        write("/sys/fs/cgroup/a/cpu.max", text);
        EXPECT_EQ(cpus().usable, 16) << text;
        expect_ignored(cpus().sources, "cgroup v2 quota");
    }
}

TEST_F(ResourcesTest, ContainerThatSeesItsOwnCgroupAsTheRoot) {
    mount_v2("/");
    write("/sys/fs/cgroup/cpu.max", "400000 100000\n");
    EXPECT_EQ(cpus().usable, 4);
}

TEST_F(ResourcesTest, CgroupThatDoesNotExistBelowTheMountCountsFromWhatExists) {
    write("/sys/fs/cgroup/pod/cpu.max", "200000 100000\n");
    for (const char* cgroup : {"/pod/gone/gone", "/pod/gone (deleted)", "/pod/"}) {
        mount_v2(cgroup);
        EXPECT_EQ(cpus().usable, 2) << cgroup;
    }
    write("/sys/fs/cgroup/cpu.max", "700000 100000\n");
    write("/sys/fs/pod/cpu.max", "100000 100000\n");  // what "/../pod" must not be taken for
    for (const char* cgroup : {"/docker/abc", "/../pod", "/"}) {
        mount_v2(cgroup);
        EXPECT_EQ(cpus().usable, 7) << cgroup;
    }
}

TEST_F(ResourcesTest, MountThatShowsAPartOfTheTree) {
    write("/sys/fs/cgroup/cpu.max", "500000 100000\n");
    write("/sys/fs/cgroup/inner/cpu.max", "200000 100000\n");
    mount_v2("/docker/abc/inner", "/docker/abc");
    EXPECT_EQ(cpus().usable, 2);
    mount_v2("/docker/abc", "/docker/abc");
    EXPECT_EQ(cpus().usable, 5);
    mount_v2("/docker/abcdef/inner", "/docker/abc");  // not below it: only the mount point is known
    EXPECT_EQ(cpus().usable, 5);
    mount_v2("/../inner", "/..");
    EXPECT_EQ(cpus().usable, 2);
}

TEST_F(ResourcesTest, TheMountThatShowsMostIsTakenAndSpacesAreDecoded) {
    write("/proc/self/cgroup", "0::/a/b\n");
    write("/proc/self/mountinfo",
          "40 1 0:26 /a/b /part rw - cgroup2 cgroup2 rw\n"
          "41 1 0:26 / /the\\040whole rw - cgroup2 cgroup2 rw\n"
          "42 1 0:26 /c /elsewhere rw - cgroup2 cgroup2 rw\n"
          "43 1 0:26 / /covered rw - cgroup2 cgroup2 rw\n"
          "broken line - cgroup2\n");
    write("/part/cpu.max", "800000 100000\n");
    write("/the whole/a/cpu.max", "600000 100000\n");
    write("/the whole/a/b/cpu.max", "800000 100000\n");
    write("/elsewhere/cpu.max", "100000 100000\n");
    EXPECT_EQ(cpus().usable, 6);
}

TEST_F(ResourcesTest, V1QuotasOfTheWholeTree) {
    mount_v1("/batch/job");
    v1_quota("", "-1");
    v1_quota("/batch", "250000", "50000");
    v1_quota("/batch/job", "-1");
    EXPECT_EQ(cpu_answer(), "5 by cgroup v1 quota");
    v1_quota("/batch", "-1");
    EXPECT_EQ(cpus().usable, 16);
    EXPECT_FALSE(find(cpus().sources, "cgroup v1 quota")->value);
    v1_quota("/batch", "garbage");
    EXPECT_EQ(cpus().usable, 16);
}

TEST_F(ResourcesTest, V1ContainerWithTheHostsPath) {
    mount_v1("/docker/abc", "/docker/abc");
    v1_quota("", "300000");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
    EXPECT_EQ(cpus().usable, 3);
    EXPECT_EQ(memory().usable, gibibyte);
}

TEST_F(ResourcesTest, HybridHierarchies) {
    write("/proc/self/cgroup", "4:memory:/m\n2:cpu:/c\n0::/u\n");
    write("/proc/self/mountinfo",
          "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
          "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
          "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
          "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    write("/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "400000");
    write("/sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000");
    write("/sys/fs/cgroup/unified/u/cgroup.procs", "");
    write("/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "2147483648");
    EXPECT_EQ(cpus().usable, 4);
    EXPECT_EQ(find(cpus().sources, "cgroup v2 quota"), nullptr);
    EXPECT_EQ(memory_answer(), "2 GiB by cgroup v1 memory limit");
}

TEST_F(ResourcesTest, InheritedBudget) {
    set("HAID_CPUS=2");
    EXPECT_EQ(cpu_answer(), "2 by HAID_CPUS");
    set("HAID_CPUS=99");
    EXPECT_EQ(cpus().usable, 16);
    for (const char* text : {"", "0", "-1", "+2", "2.5", "two", "2 ", " 2", "99999999999999999999", "2147483648"}) {
        environment_["HAID_CPUS"] = text;
        EXPECT_EQ(cpus().usable, 16) << text;
        expect_ignored(cpus().sources, "HAID_CPUS");
    }
}

TEST_F(ResourcesTest, MemoryOfTheMachine) {
    EXPECT_EQ(memory_answer(), "32 GiB by machine");
    EXPECT_EQ(available_memory(facts()), 16 * gibibyte);
    write("/proc/meminfo", "MemTotal: 33554432 kB\nMemFree: 1048576 kB\n");
    EXPECT_EQ(available_memory(facts()), gibibyte);
}

TEST_F(ResourcesTest, V2MemoryLimitsOfTheWholeTree) {
    mount_v2("/a/b");
    write("/sys/fs/cgroup/a/b/memory.max", "max\n");
    write("/sys/fs/cgroup/a/b/memory.high", "8589934592\n");
    write("/sys/fs/cgroup/a/memory.max", "4294967296\n");
    write("/sys/fs/cgroup/a/memory.high", "max\n");
    EXPECT_EQ(memory_answer(), "4 GiB by cgroup v2 memory.max");
    write("/sys/fs/cgroup/a/b/memory.high", "2147483648\n");
    EXPECT_EQ(memory_answer(), "2 GiB by cgroup v2 memory.high");
    write("/sys/fs/cgroup/a/b/memory.high", "garbage\n");
    EXPECT_EQ(memory().usable, 4 * gibibyte);
}

TEST_F(ResourcesTest, NoMemoryLimitIsListedOnce) {
    mount_v2("/a");
    write("/sys/fs/cgroup/a/memory.max", "max\n");
    write("/sys/fs/cgroup/a/memory.high", "max\n");
    auto sources = memory().sources;
    ASSERT_EQ(sources.size(), 2U);
    EXPECT_FALSE(sources[1].value);
    EXPECT_EQ(memory().usable, 32 * gibibyte);
    EXPECT_EQ(available_memory(facts()), 16 * gibibyte);
}

TEST_F(ResourcesTest, V2AvailableMemoryIsTheSmallestHeadroom) {
    mount_v2("/a/b");
    write("/sys/fs/cgroup/a/b/memory.max", "8589934592\n");
    write("/sys/fs/cgroup/a/b/memory.current", "1073741824\n");
    write("/sys/fs/cgroup/a/memory.max", "8589934592\n");
    write("/sys/fs/cgroup/a/memory.current", "6442450944\n");  // others take 5 GiB
    EXPECT_EQ(available_memory(facts()), 2 * gibibyte);
    write("/sys/fs/cgroup/a/memory.stat", "anon 5\nactive_file 7\ninactive_file 1073741824\n");
    EXPECT_EQ(available_memory(facts()), 3 * gibibyte);
    write("/sys/fs/cgroup/a/memory.current", "99999999999\n");
    EXPECT_EQ(available_memory(facts()), 0U);
    write("/sys/fs/cgroup/a/memory.current", "10\n");  // less than its cache: read at different times
    EXPECT_EQ(available_memory(facts()), 7 * gibibyte);
}

TEST_F(ResourcesTest, V1MemoryLimitsOfTheWholeTree) {
    mount_v1("/a/b");
    auto folder = std::string("/sys/fs/cgroup/memory");
    write(folder + "/memory.limit_in_bytes", "9223372036854771712\n");
    write(folder + "/a/memory.limit_in_bytes", "4294967296\n");
    write(folder + "/a/memory.usage_in_bytes", "3221225472\n");
    write(folder + "/a/memory.stat", "inactive_file 9\ntotal_inactive_file 1073741824\n");
    write(folder + "/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    EXPECT_EQ(memory().usable, 4 * gibibyte);
    EXPECT_EQ(available_memory(facts()), 2 * gibibyte);
    write(folder + "/a/memory.use_hierarchy", "0\n");
    EXPECT_EQ(memory().usable, 32 * gibibyte);
    for (const char* unlimited : {"9223372036854710272", "9223372036854775807", "18446744073709551615"}) {
        write(folder + "/a/b/memory.limit_in_bytes", unlimited);
        EXPECT_FALSE(find(memory().sources, "cgroup v1 memory limit")->value) << unlimited;
    }
}

TEST_F(ResourcesTest, V1LimitAboveWhatAContainerSees) {
    mount_v1("/pod/container", "/pod/container");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n");
    write("/sys/fs/cgroup/memory/memory.stat", "hierarchical_memory_limit 3221225472\ntotal_inactive_file 0\n");
    EXPECT_EQ(memory().usable, 3 * gibibyte);
    EXPECT_EQ(available_memory(facts()), 2 * gibibyte);
}

TEST_F(ResourcesTest, AddressSpaceLimitIsForInformation) {
    write("/proc/self/limits",
          "Max resident set          unlimited            unlimited            bytes\n"
          "Max address space         1073741824           unlimited            bytes\n");
    auto result = memory();
    EXPECT_EQ(result.usable, 32 * gibibyte);
    ASSERT_NE(find(result.sources, "RLIMIT_AS"), nullptr);
    EXPECT_EQ(find(result.sources, "RLIMIT_AS")->value, gibibyte);
    EXPECT_FALSE(find(result.sources, "RLIMIT_AS")->limits);
    write("/proc/self/limits", "Max address space         unlimited            unlimited            bytes\n");
    EXPECT_EQ(find(memory().sources, "RLIMIT_AS"), nullptr);
}

TEST_F(ResourcesTest, TopologyOfTwoSocketsWithTwoThreadsACore) {
    write("/sys/devices/system/cpu/online", "0-6\n");  // CPU 7 is offline
    for (int cpu = 0; cpu < 7; ++cpu) {
        auto folder = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
        write(folder + "physical_package_id", std::to_string(cpu / 2 % 2) + "\n");
        write(folder + "core_id", std::to_string(cpu % 2) + "\n");
    }
    EXPECT_EQ(topology(), "2 sockets, 4 cores, 7 threads");
}

TEST_F(ResourcesTest, TopologyWhereCoreNumbersRepeatInEachCluster) {
    write("/sys/devices/system/cpu/online", "0-3\n");
    for (int cpu = 0; cpu < 4; ++cpu) {
        auto folder = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
        write(folder + "physical_package_id", "0\n");
        write(folder + "cluster_id", std::to_string(cpu / 2) + "\n");
        write(folder + "core_id", std::to_string(cpu % 2) + "\n");
    }
    EXPECT_EQ(topology(), "1 sockets, 4 cores, 4 threads");
}

TEST_F(ResourcesTest, TopologyFromCpuinfo) {
    std::filesystem::remove(root_ + "/sys/devices/system/cpu/online");
    std::string text;
    for (int cpu = 0; cpu < 4; ++cpu) {
        text += fmt::format("processor\t: {}\nphysical id\t: 0\ncore id\t\t: {}\n\n", cpu, cpu / 2);
    }
    write("/proc/cpuinfo", text);
    EXPECT_EQ(topology(), "1 sockets, 2 cores, 4 threads");
    write("/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\n\nprocessor\t: 1\n");
    EXPECT_EQ(topology(), "1 sockets, 2 cores, 2 threads");
}

TEST_F(ResourcesTest, TopologyThatTheMachineDoesNotTell) {
    EXPECT_EQ(topology(), "1 sockets, 16 cores, 16 threads");
}

TEST(RealMachineTest, Invariants) {
    auto facts = ResourceFacts::of_this_process();
    auto result = cpu_resources(facts);
    EXPECT_GE(result.usable, 1);
    EXPECT_GE(facts.affinity(), 1);
    EXPECT_LE(result.usable, facts.affinity());
    EXPECT_NE(decided(result.sources), "");
    auto topology = cpu_topology(facts);
    EXPECT_GE(topology.sockets, 1);
    EXPECT_GE(topology.cores, topology.sockets);
    EXPECT_GE(topology.threads, topology.cores);
    EXPECT_GT(memory_resources(facts).usable, 0U);
    EXPECT_LT(memory_resources(facts).usable, UINT64_MAX);
    EXPECT_LT(available_memory(facts), UINT64_MAX);
    EXPECT_FALSE(facts.host_name().empty());
}

}  // namespace
}  // namespace haid::system
