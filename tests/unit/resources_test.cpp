#include "system/resources.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>

namespace haid::system {
namespace {

constexpr std::uint64_t gibibyte = 1024ULL * 1024 * 1024;

std::vector<std::string> words(const std::string& text) {
    std::istringstream stream(text);
    return {std::istream_iterator<std::string>(stream), {}};
}

const ResourceSource* find(const std::vector<ResourceSource>& sources, std::string_view name) {
    auto found = std::find_if(sources.begin(), sources.end(), [&](const auto& source) { return source.name == name; });
    return found == sources.end() ? nullptr : &*found;
}

std::string decided(const std::vector<ResourceSource>& sources) {
    std::string names;
    for (const auto& source : sources) {
        if (source.decided) names += (names.empty() ? "" : " ") + source.name;
    }
    return names;
}

void expect_ignored(const std::vector<ResourceSource>& sources, std::string_view name) {
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

    // A batch script on node n2 of n[1-3].
    void in_job(const std::string& cpus_per_node) {
        set("SLURM_JOB_ID=7 SLURM_JOB_NODELIST=n[1-3] SLURMD_NODENAME=n2 SLURM_PROCID=0 SLURM_NODEID=0 "
            "SLURM_GTIDS=0");
        set("SLURM_JOB_CPUS_PER_NODE=" + cpus_per_node);
    }

    std::string root_;
    std::map<std::string, std::string> environment_;
    int affinity_ = 16;
    std::string host_ = "laptop";
};

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

TEST_F(ResourcesTest, SlurmCountsOnlyInsideAJob) {
    set("SLURM_CPUS_ON_NODE=2 SLURM_CPUS_PER_TASK=1 SLURM_MEM_PER_NODE=1");
    EXPECT_EQ(cpus().usable, 16);
    EXPECT_EQ(cpus().sources.size(), 2U);
    EXPECT_EQ(memory().usable, 32 * gibibyte);
    environment_["SLURM_JOB_ID"] = "";
    EXPECT_EQ(cpus().usable, 16);
}

TEST_F(ResourcesTest, BatchScriptOfOneTask) {
    in_job("8(x3)");
    set("SLURM_CPUS_ON_NODE=8 SLURM_CPUS_PER_TASK=8 SLURM_NTASKS=1");
    EXPECT_EQ(cpu_answer(), "8 by SLURM_CPUS_ON_NODE");
    environment_["SLURM_CPUS_PER_TASK"] = "6";  // a whole node, exclusively, for a task of 6
    EXPECT_EQ(cpu_answer(), "6 by SLURM_CPUS_PER_TASK");
    for (const char* ntasks : {"", "many", "0"}) {
        environment_["SLURM_NTASKS"] = ntasks;
        EXPECT_EQ(cpus().usable, 6) << ntasks;
    }
    environment_.erase("SLURM_NTASKS");
    EXPECT_EQ(cpus().usable, 6);
}

TEST_F(ResourcesTest, BatchScriptOfSeveralTasksUsesTheAllocation) {
    in_job("8(x3)");
    set("SLURM_CPUS_ON_NODE=8 SLURM_CPUS_PER_TASK=2 SLURM_NTASKS=4");
    for (const char* step : {"", "-5", "-6", "4294967290", "4294967291"}) {
        if (*step) environment_["SLURM_STEP_ID"] = step;
        auto result = cpus();
        EXPECT_EQ(result.usable, 8) << step;
        auto per_task = find(result.sources, "SLURM_CPUS_PER_TASK");
        ASSERT_NE(per_task, nullptr);
        EXPECT_EQ(per_task->value, 2);
        EXPECT_FALSE(per_task->limits);
    }
    environment_.erase("SLURM_NTASKS");
    set("SLURM_NTASKS_PER_NODE=4");
    EXPECT_EQ(cpus().usable, 8);
}

TEST_F(ResourcesTest, BatchScriptWithoutCpusPerTask) {
    in_job("4");
    set("SLURM_JOB_NODELIST=n2 SLURM_CPUS_ON_NODE=4 SLURM_NTASKS=4");
    EXPECT_EQ(cpus().usable, 4);
}

TEST_F(ResourcesTest, TaskOfAStep) {
    in_job("8(x3)");
    set("SLURM_STEP_ID=0 SLURM_CPUS_ON_NODE=8 SLURM_CPUS_PER_TASK=2 SLURM_NTASKS=4");
    EXPECT_EQ(cpu_answer(), "2 by SLURM_CPUS_PER_TASK");
    environment_.erase("SLURM_PROCID");  // not a task, whatever the step
    EXPECT_EQ(cpus().usable, 8);
}

TEST_F(ResourcesTest, StepWithAStaleVariable) {
    in_job("2(x3)");
    set("SLURM_STEP_ID=1 SLURM_CPUS_ON_NODE=1 SLURM_CPUS_PER_TASK=2");
    EXPECT_EQ(cpu_answer(), "1 by SLURM_CPUS_ON_NODE");
    set("SLURM_CPUS_ON_NODE=2");
    affinity_ = 1;
    EXPECT_EQ(cpu_answer(), "1 by affinity mask");
}

TEST_F(ResourcesTest, TasksOfAStepShareItsCpusOnTheNode) {
    in_job("8(x3)");
    set("SLURM_STEP_ID=0 SLURM_CPUS_ON_NODE=8");
    for (auto [tasks, usable] : {std::pair{"3", 8}, {"4,5", 4}, {"0,1,2", 2}, {"0,1,2,3,4,5,6,7,8", 1}, {"x,y", 8}}) {
        environment_["SLURM_GTIDS"] = tasks;
        EXPECT_EQ(cpus().usable, usable) << tasks;
    }
    set("SLURM_GTIDS=0,1,2,3");
    environment_["SLURM_CPUS_PER_TASK"] = "4";  // left over from the batch script
    EXPECT_EQ(cpu_answer(), "2 by Slurm task share");
}

TEST_F(ResourcesTest, UnevenNodes) {
    in_job("2(x2),1");
    auto on = [&](const char* node_name, const char* host_name) {
        environment_["SLURMD_NODENAME"] = node_name;
        host_ = host_name;
        return cpus().usable;
    };
    EXPECT_EQ(on("n1", "laptop"), 2);
    EXPECT_EQ(on("n3", "n1"), 1);
    EXPECT_EQ(on("unknown", "n3"), 1);
    EXPECT_EQ(on("", "n3.cluster.example"), 1);
    EXPECT_EQ(on("unknown", "laptop"), 2);            // by SLURM_NODEID
    for (const char* index : {"3", "-1", "x", ""}) {  // not inside the list: the smallest entry
        environment_["SLURM_NODEID"] = index;
        EXPECT_EQ(cpus().usable, 1) << index;
    }
    set("SLURM_NODEID=0");
    for (const char* list : {"n[1-", "", "m[1-3]"}) {
        environment_["SLURM_JOB_NODELIST"] = list;
        EXPECT_EQ(cpus().usable, 2) << list;
    }
}

TEST_F(ResourcesTest, MoreNodesThanEntries) {
    in_job("4,3");
    set("SLURMD_NODENAME=n3");
    environment_.erase("SLURM_NODEID");
    EXPECT_EQ(cpus().usable, 3);
}

TEST_F(ResourcesTest, MalformedSlurmVariablesAreListedAsIgnored) {
    in_job("8(x");
    set("SLURM_CPUS_ON_NODE=-4");
    environment_["SLURM_CPUS_PER_TASK"] = "";
    set("SLURM_MEM_PER_CPU=much SLURM_MEM_PER_NODE=18446744073709551615");
    auto result = cpus();
    EXPECT_EQ(result.usable, 16);
    auto sources = memory().sources;
    sources.insert(sources.end(), result.sources.begin(), result.sources.end());
    for (const auto& name : words("SLURM_JOB_CPUS_PER_NODE SLURM_CPUS_ON_NODE SLURM_CPUS_PER_TASK "
                                  "SLURM_MEM_PER_CPU SLURM_MEM_PER_NODE")) {
        expect_ignored(sources, name);
    }
    EXPECT_EQ(memory().usable, 32 * gibibyte);
}

TEST_F(ResourcesTest, AffinitySmallerThanAll) {
    in_job("8(x3)");
    mount_v2("/a");
    write("/sys/fs/cgroup/a/cpu.max", "300000 100000");
    set("HAID_CPUS=4");
    affinity_ = 1;
    EXPECT_EQ(cpu_answer(), "1 by affinity mask");
}

TEST(SlurmCpusPerNodeTest, EveryForm) {
    EXPECT_EQ(parse_cpus_per_node("8"), (std::vector{8}));
    EXPECT_EQ(parse_cpus_per_node("8(x3)"), (std::vector{8, 8, 8}));
    EXPECT_EQ(parse_cpus_per_node("24(x2),8"), (std::vector{24, 24, 8}));
    EXPECT_EQ(parse_cpus_per_node("1,2(x2),3"), (std::vector{1, 2, 2, 3}));
}

// The text must be refused with an error that quotes it.
template <class Parse>
void expect_refused(Parse parse, const std::string& text) {
    try {
        parse(text);
        ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find('"' + text + '"'), std::string::npos) << error.what();
    }
}

TEST(SlurmCpusPerNodeTest, AnythingElseIsRefused) {
    for (const auto& text : words(", 8, ,8 x -8 0 8(x0) 8(x 8(x) 8(2) 8(x2 8x2 8(x2)4 (x2) 2147483648 "
                                  "99999999999999999999 8(x99999999999999999999) 8(x2147483647) "
                                  "1(x200000),1(x200000)")) {
        expect_refused(parse_cpus_per_node, text);
    }
    expect_refused(parse_cpus_per_node, "");
    expect_refused(parse_cpus_per_node, "8 ");
}

TEST(SlurmNodeListTest, EveryForm) {
    auto expanded = [](const char* text) { return fmt::format("{}", fmt::join(expand_node_list(text), " ")); };
    EXPECT_EQ(expanded("n1"), "n1");
    EXPECT_EQ(expanded("a,b-c,d.e"), "a b-c d.e");
    EXPECT_EQ(expanded("n[1-3,07-09],m5,rack[1-2]node[1-2]"),
              "n1 n2 n3 n07 n08 n09 m5 rack1node1 rack1node2 rack2node1 rack2node2");
    EXPECT_EQ(expanded("n[008-011]"), "n008 n009 n010 n011");
    EXPECT_EQ(expanded("n[9-11]"), "n9 n10 n11");
    EXPECT_EQ(expanded("n[00]-ib"), "n00-ib");
    EXPECT_EQ(expanded("[1-2]n"), "1n 2n");
    EXPECT_EQ(expanded("n[18446744073709551615]"), "n18446744073709551615");
    EXPECT_EQ(expand_node_list("n[1-65536]").size(), 65536U);
}

TEST(SlurmNodeListTest, AnythingElseIsRefused) {
    for (const auto& text : words(", n1, ,n1 n[ n] n[1-2 n1-2] n[[1]] n[] n[1,] n[3-1] n[a-b] n[1-] n[-1] n[1-2-3] "
                                  "n[99999999999999999999] n[0-18446744073709551615] n[1-1000]m[1-1000] "
                                  "n[1-262144],n1")) {
        expect_refused(expand_node_list, text);
    }
    expect_refused(expand_node_list, "");
    expect_refused(expand_node_list, std::string(300, 'n'));
    expect_refused(expand_node_list, "n[" + std::string(300, '0') + "-9]");
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

TEST_F(ResourcesTest, SlurmMemory) {
    in_job("4(x3)");
    set("SLURM_MEM_PER_NODE=2048");
    EXPECT_EQ(memory_answer(), "2 GiB by SLURM_MEM_PER_NODE");
    set("SLURM_MEM_PER_NODE=0");
    EXPECT_EQ(memory().usable, 32 * gibibyte);
    environment_.erase("SLURM_MEM_PER_NODE");
    set("SLURM_MEM_PER_CPU=1024");
    EXPECT_EQ(memory().usable, 4 * gibibyte);
    set("SLURM_CPUS_ON_NODE=3");
    affinity_ = 1;  // what Slurm gave counts, not what else limits the CPUs
    EXPECT_EQ(memory().usable, 3 * gibibyte);
    environment_.erase("SLURM_CPUS_ON_NODE");
    environment_.erase("SLURM_JOB_CPUS_PER_NODE");
    EXPECT_EQ(memory().usable, 32 * gibibyte);
    EXPECT_FALSE(find(memory().sources, "SLURM_MEM_PER_CPU")->value);
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
