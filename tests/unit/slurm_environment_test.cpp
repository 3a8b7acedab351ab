// What Slurm's variables make of the CPUs and the memory that may be used; and the two lists that they hold.
#include "system/slurm_environment.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

#include "resources_fixture.hpp"

namespace haid::system {
namespace {

class SlurmEnvironmentTest : public ResourcesTest {
  protected:
    // A batch script on node n2 of n[1-3].
    void in_job(const std::string& cpus_per_node) {
        set("SLURM_JOB_ID=7 SLURM_JOB_NODELIST=n[1-3] SLURMD_NODENAME=n2 SLURM_PROCID=0 SLURM_NODEID=0 "
            "SLURM_GTIDS=0");
        set("SLURM_JOB_CPUS_PER_NODE=" + cpus_per_node);
    }
};

TEST_F(SlurmEnvironmentTest, SlurmCountsOnlyInsideAJob) {
    set("SLURM_CPUS_ON_NODE=2 SLURM_CPUS_PER_TASK=1 SLURM_MEM_PER_NODE=1");
    EXPECT_EQ(cpus().usable, 16);
    EXPECT_EQ(cpus().sources.size(), 2U);
    EXPECT_EQ(memory().usable, 32 * gibibyte);
    environment_["SLURM_JOB_ID"] = "";
    EXPECT_EQ(cpus().usable, 16);
}

TEST_F(SlurmEnvironmentTest, BatchScriptOfOneTask) {
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

TEST_F(SlurmEnvironmentTest, BatchScriptOfSeveralTasksUsesTheAllocation) {
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

TEST_F(SlurmEnvironmentTest, BatchScriptWithoutCpusPerTask) {
    in_job("4");
    set("SLURM_JOB_NODELIST=n2 SLURM_CPUS_ON_NODE=4 SLURM_NTASKS=4");
    EXPECT_EQ(cpus().usable, 4);
}

TEST_F(SlurmEnvironmentTest, TaskOfAStep) {
    in_job("8(x3)");
    set("SLURM_STEP_ID=0 SLURM_CPUS_ON_NODE=8 SLURM_CPUS_PER_TASK=2 SLURM_NTASKS=4");
    EXPECT_EQ(cpu_answer(), "2 by SLURM_CPUS_PER_TASK");
    environment_.erase("SLURM_PROCID");  // not a task, whatever the step
    EXPECT_EQ(cpus().usable, 8);
}

TEST_F(SlurmEnvironmentTest, StepWithAStaleVariable) {
    in_job("2(x3)");
    set("SLURM_STEP_ID=1 SLURM_CPUS_ON_NODE=1 SLURM_CPUS_PER_TASK=2");
    EXPECT_EQ(cpu_answer(), "1 by SLURM_CPUS_ON_NODE");
    set("SLURM_CPUS_ON_NODE=2");
    affinity_ = 1;
    EXPECT_EQ(cpu_answer(), "1 by affinity mask");
}

TEST_F(SlurmEnvironmentTest, TasksOfAStepShareItsCpusOnTheNode) {
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

TEST_F(SlurmEnvironmentTest, UnevenNodes) {
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

TEST_F(SlurmEnvironmentTest, MoreNodesThanEntries) {
    in_job("4,3");
    set("SLURMD_NODENAME=n3");
    environment_.erase("SLURM_NODEID");
    EXPECT_EQ(cpus().usable, 3);
}

TEST_F(SlurmEnvironmentTest, MalformedSlurmVariablesAreListedAsIgnored) {
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

TEST_F(SlurmEnvironmentTest, AffinitySmallerThanAll) {
    in_job("8(x3)");
    mount_v2("/a");
    write("/sys/fs/cgroup/a/cpu.max", "300000 100000");
    set("HAID_CPUS=4");
    affinity_ = 1;
    EXPECT_EQ(cpu_answer(), "1 by affinity mask");
}

TEST_F(SlurmEnvironmentTest, SlurmMemory) {
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

}  // namespace
}  // namespace haid::system
