// With programs in the place of Slurm's, which say what those of 22.05 say and keep how they were called.

#include "nodes/own_job.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "nodes/slurm_call.hpp"
#include "system/descriptor.hpp"

namespace haid::nodes {
namespace {

class OwnJobTest : public testing::Test {
  protected:
    OwnJobTest() {
        char folder[] = "/tmp/own_job_test.XXXXXX";
        EXPECT_NE(::mkdtemp(folder), nullptr);
        folder_ = folder;
        set("PATH", folder_ + ":" + std::getenv("PATH"));
        for (const char* name : {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"}) set(name, std::nullopt);
    }
    ~OwnJobTest() override {
        for (const auto& [name, value] : before_) put(name, value);
        std::filesystem::remove_all(folder_);
    }

    void set(const std::string& name, const std::optional<std::string>& value) {
        const char* now = std::getenv(name.c_str());
        before_.emplace(name, now != nullptr ? std::optional<std::string>(now) : std::nullopt);
        put(name, value);
    }
    void program(const std::string& name, const std::string& body) {
        const std::string path = folder_ + "/" + name;
        std::ofstream(path) << "#!/bin/sh\necho " << name << " \"$@\" >> " << folder_ << "/calls\n" << body << "\n";
        ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    }
    // Elements 1 and 2 of array 10: the last one has the number of the whole.
    void squeue_of_an_array() {
        program("squeue",
                "case $3 in\n"
                "10|10_2) echo '10|10_2|2026-01-31T10:00:00|n1|n[1-2]';;\n"
                "esac\n"
                "case $3 in\n"
                "10|11|10_1) echo '11|10_1|2026-01-31T09:00:00|n3|n3';;\n"
                "esac");
    }
    std::string calls() const { return system::read_small_file(folder_ + "/calls"); }

    std::string folder_;

  private:
    static void put(const std::string& name, const std::optional<std::string>& value) {
        value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
    std::map<std::string, std::optional<std::string>> before_;
};

TEST_F(OwnJobTest, TheLastElementOfAnArrayIsToldFromTheWhole) {
    squeue_of_an_array();
    set("SLURM_JOB_ID", "10");
    set("SLURM_ARRAY_JOB_ID", "10");
    set("SLURM_ARRAY_TASK_ID", "2");
    const OwnJobSeen seen = look_at_own_job();
    EXPECT_EQ(seen.fault, "");
    EXPECT_EQ(seen.job.name, "10_2");
    EXPECT_EQ(seen.job.end_time, "2026-01-31T10:00:00");
    EXPECT_EQ(seen.job.batch_node, "n1");
    EXPECT_EQ(seen.job.nodes, (std::vector<std::string>{"n1", "n2"}));
    EXPECT_EQ(calls(), "squeue -h -j 10_2 -o %A|%i|%e|%B|%N\n");
}

TEST_F(OwnJobTest, WhereTheArraysVariablesAreGoneItsRowIsFound) {
    squeue_of_an_array();
    set("SLURM_JOB_ID", "10");
    EXPECT_EQ(look_at_own_job().job.name, "10_2");
}

TEST_F(OwnJobTest, TheArrayThatSubmittedTheJobIsNotIt) {
    program("squeue",
            "case $3 in 10_2) echo '10|10_2|2026-01-31T10:00:00|n1|n1';; "
            "12) echo '12|12|2026-01-31T11:00:00|n2|n2';; esac");
    set("SLURM_JOB_ID", "12");
    set("SLURM_ARRAY_JOB_ID", "10");
    set("SLURM_ARRAY_TASK_ID", "2");
    EXPECT_EQ(look_at_own_job().job.name, "12");
    // Nor one that Slurm has forgotten.
    program("squeue",
            "case $3 in 10_2) echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1;; esac; "
            "echo '12|12|2026-01-31T11:00:00|n2|n2'");
    EXPECT_EQ(look_at_own_job().job.end_time, "2026-01-31T11:00:00");
}

TEST_F(OwnJobTest, RequeueingAndCancellingConcernThatElementAlone) {
    squeue_of_an_array();
    program("scontrol", "");
    program("scancel", "");
    set("SLURM_JOB_ID", "10");
    set("SLURM_ARRAY_JOB_ID", "10");
    set("SLURM_ARRAY_TASK_ID", "2");
    EXPECT_EQ(requeue_own_job(), "");
    EXPECT_EQ(cancel_own_job(), "");
    EXPECT_NE(calls().find("scontrol requeue 10_2\n"), std::string::npos) << calls();
    EXPECT_NE(calls().find("scancel 10_2\n"), std::string::npos) << calls();
}

TEST_F(OwnJobTest, WhoAsksIsEndedByWhatHeAskedFor) {
    squeue_of_an_array();
    for (const char* command : {"scontrol", "scancel"}) program(command, "kill -TERM $$; sleep 60");
    set("SLURM_JOB_ID", "11");
    EXPECT_EQ(requeue_own_job(), "");
    EXPECT_EQ(cancel_own_job(), "");
    EXPECT_NE(calls().find("scontrol requeue 10_1\n"), std::string::npos) << calls();
}

TEST_F(OwnJobTest, OfAHeterogeneousJobTheFirstComponentCounts) {
    program("squeue", "echo '21|20+1|2026-01-31T11:00:00|n2|n[2-3]'; echo '20|20+0|2026-01-31T10:00:00|n1|n1'");
    set("SLURM_JOB_ID", "20");
    const OwnJobSeen seen = look_at_own_job();
    EXPECT_EQ(seen.job.name, "20");
    EXPECT_EQ(seen.job.end_time, "2026-01-31T10:00:00");
    EXPECT_EQ(seen.job.nodes, std::vector<std::string>{"n1"});
}

TEST_F(OwnJobTest, WhatSlurmRefusesIsSaidInItsWords) {
    squeue_of_an_array();
    program("scontrol", "echo 'Requested operation is presently disabled' >&2; exit 1");
    EXPECT_EQ(requeue_own_job(), "this is no Slurm job (SLURM_JOB_ID is not set)");
    set("SLURM_JOB_ID", "11");
    EXPECT_EQ(requeue_own_job(), "Requested operation is presently disabled");
    set("SLURM_JOB_ID", "99");
    EXPECT_EQ(requeue_own_job(), "Slurm does not know job 99");
    program("squeue", "exit 3");
    EXPECT_EQ(look_at_own_job().fault, "squeue ended with exit status 3");
}

TEST_F(OwnJobTest, WhatTheEnvironmentSaysToPeopleIsNotSeen) {
    const std::vector<std::string> names = {"SQUEUE_STATES", "SINFO_SORT", "SCANCEL_INTERACTIVE", "SLURM_CLUSTERS",
                                            "SLURM_TIME_FORMAT"};
    for (const std::string& name : names) set(name, "relative");
    set("SLURM_CONF", "/kept");
    program("squeue", "env");
    const std::string seen = ask_slurm({"squeue"}, std::chrono::seconds(60)).out;
    EXPECT_EQ(seen.find("relative"), std::string::npos) << seen;
    EXPECT_NE(seen.find("SLURM_TIME_FORMAT=standard\n"), std::string::npos) << seen;
    EXPECT_NE(seen.find("SLURM_CONF=/kept\n"), std::string::npos) << seen;
}

TEST_F(OwnJobTest, ACallThatDoesNotEndIsEnded) {
    program("squeue", "echo some; sleep 1000");
    const Said said = ask_slurm({"squeue"}, std::chrono::seconds(1));
    EXPECT_FALSE(said.in_time);
    EXPECT_EQ(said.out, "some\n");
}

}  // namespace
}  // namespace haid::nodes
