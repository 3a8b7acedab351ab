// What a run over nodes hears of its jobs, without Slurm: what stands for srun hands the agent's words to a child.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cluster/agent.hpp"
#include "cluster/cluster_runner.hpp"
#include "nodes/calling.hpp"
#include "processes.hpp"
#include "run_fixture.hpp"

namespace haid::command {
namespace {

using schedule::Ending;

class ClusterEndingsTest : public RunTest {
  protected:
    struct Heard {
        Ending ending;
        std::string host;
        std::optional<rusage> usage;
    };
    class Listener : public Observer {
      public:
        explicit Listener(std::vector<Heard>& heard) : heard_(heard) {}
        void on_ending(const Ending& ending) override {
            std::optional<rusage> usage;
            if (ending.usage != nullptr) usage = *ending.usage;
            heard_.push_back({ending, std::string(ending.host), usage});
        }

      private:
        std::vector<Heard>& heard_;
    };

    ClusterEndingsTest() {
        observer_ = &listener_;
        for (const std::string& fifo : {words_, ended_}) system::check(::mkfifo(fifo.c_str(), 0600), "mkfifo");
        make_runner_ = [this] {
            cluster::ClusterSettings settings{
                {{"n1"},
                 {"/bin/sh", "-c", "echo \"$*\" >'" + words_ + "'; exec cat '" + ended_ + "'", "srun"},
                 {"PATH=/usr/bin:/bin"},
                 {folder_}},
                "haid",
                false};
            return [settings](const RunSettings& run, const RunnerContext& context) {
                return std::make_unique<cluster::ClusterRunner>(run, context, settings);
            };
        };
    }

    // On the node n1. "haid agent --to ADDRESSES --secret FILE" comes from what stands for srun, which ends with this.
    pid_t start_agent() {
        const pid_t pid = ::fork();
        if (pid != 0) return pid;
        ::alarm(watchdog_seconds);
        std::string haid, agent, to, addresses, secret, file;
        std::ifstream(words_) >> haid >> agent >> to >> addresses >> secret >> file;
        const std::ofstream ended(ended_);
        bool in_order = false;
        try {
            in_order = cluster::Agent({nodes::split_addresses(addresses), file, "n1", ""}).execute();
        } catch (const std::exception& error) {
            ADD_FAILURE() << error.what();
        }
        ::_exit(in_order ? 0 : 1);
    }

    std::string words_ = folder_ + "/words", ended_ = folder_ + "/ended";
    std::vector<Heard> heard_;
    Listener listener_{heard_};
};

TEST_F(ClusterEndingsTest, WhatJobsOnNodesUseIsKnown) {
    settings_.shell.path = "/bin/sh";
    settings_.command = {"i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; :"};
    settings_.jobs = "2";
    const pid_t agent = start_agent();
    EXPECT_EQ(run(2), 0) << error_;
    EXPECT_EQ(exit_status(agent), 0);
    ASSERT_EQ(heard_.size(), 2u);
    for (const Heard& one : heard_) {
        EXPECT_TRUE(one.ending.delivered);
        EXPECT_EQ(one.host, "n1");
        ASSERT_TRUE(one.usage);
        EXPECT_GT(one.usage->ru_utime.tv_sec * 1'000'000 + one.usage->ru_utime.tv_usec, 0);
        EXPECT_GT(one.usage->ru_maxrss, 0);
        EXPECT_GT(one.ending.took, std::chrono::nanoseconds(0));
    }
}

}  // namespace
}  // namespace haid::command
