// For tests of runs: a fake machine, a job log, and what was printed.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "command/run.hpp"
#include "fake_runner.hpp"
#include "redirected.hpp"

namespace haid::command {

inline constexpr unsigned watchdog_seconds = 20;

// A run with a job log, of jobs that are called "job 1", "job 2" and so on.
class RunTest : public testing::Test {
  protected:
    RunTest() {
        using namespace std::chrono_literals;
        ::alarm(watchdog_seconds);  // a run that never ends
        folder_ = testing::TempDir() + "haid-run-XXXXXX";
        if (!::mkdtemp(folder_.data())) throw std::runtime_error("mkdtemp failed");
        settings_.command = {"job"};
        settings_.temporary_folder = folder_;
        settings_.job_log = folder_ + "/log";
        settings_.policy.slots = 2;
        settings_.policy.ladder = {{SIGTERM, 1ms}, {SIGTERM, 1ms}, {SIGKILL, 1ms}};
    }
    ~RunTest() override {
        std::filesystem::remove_all(folder_);
        ::alarm(0);
    }

    // The exit status. Standard output goes to the descriptor, or else to where `output_` is taken from.
    int run(std::vector<std::string> inputs, int to = -1) {
        settings_.input.sources = {{false, false, std::move(inputs), {}}};
        system::Descriptor output = system::unlinked_file(folder_), error = system::unlinked_file(folder_);
        int status = 0;
        {
            Redirected redirected(to >= 0 ? to : output.get(), error.get());
            status = command::Run(settings_, *observer_, make_runner_()).execute();
        }
        output_ = content(output.get());
        error_ = content(error.get());
        return status;
    }
    int run(std::size_t jobs, int to = -1) {
        std::vector<std::string> inputs;
        for (std::size_t i = 1; i <= jobs; ++i) inputs.push_back(std::to_string(i));
        return run(std::move(inputs), to);
    }
    // The same, with nobody at the other end of standard output.
    int run_without_reader(std::size_t jobs) {
        system::Pipe pipe = system::make_pipe();
        pipe.read.close();
        return run(jobs, pipe.write.get());
    }

    std::vector<std::uint64_t> started() const {
        std::vector<std::uint64_t> sequences;
        for (const Job& job : machine_.starts) sequences.push_back(job.sequence);
        return sequences;
    }
    // "number status signal" of every line of the job log.
    std::vector<std::string> logged() const {
        std::ifstream file(settings_.job_log);
        std::vector<std::string> lines;
        std::string line;
        for (std::getline(file, line); std::getline(file, line);) {
            std::istringstream columns(line);
            std::string sequence, skipped, status, signal;
            columns >> sequence >> skipped >> skipped >> skipped >> skipped >> skipped >> status >> signal;
            lines.push_back(sequence + " " + status + " " + signal);
        }
        return lines;
    }

    std::string folder_, output_, error_;
    RunSettings settings_;
    FakeMachine machine_;
    Observer nobody_;
    Observer* observer_ = &nobody_;
    std::function<MakeRunner()> make_runner_ = [this] { return machine_.make_runner(); };
};

}  // namespace haid::command
