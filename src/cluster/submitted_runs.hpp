// What is kept of runs that were submitted: a folder for each, with the script, the stored input and the job's number.
//
// runs/<date>-<time>-<pid> in the run folder (allocation.hpp), which nodes and login nodes see. Its owner alone may
// read.
#pragma once

#include <string>
#include <vector>

namespace haid::cluster {

struct SubmittedRun {
    std::string folder;
    std::string number;   // the job's; empty: it is not known whether it was submitted
    std::string cluster;  // empty: the usual one
    std::string state;    // how it ended, once that was seen; and then:
    std::string time;     // that it took
    std::string nodes;    // how many
    std::string name;
    std::string line;  // on one line, perhaps cut

    // "2026-11-22 21:55", from the folder's name.
    std::string when() const;
};

// A new folder, removed again unless it is kept. Throws SystemError naming it.
class RunFolder {
  public:
    explicit RunFolder(std::string path);
    ~RunFolder();
    RunFolder(const RunFolder&) = delete;
    RunFolder& operator=(const RunFolder&) = delete;

    const std::string& path() const { return path_; }
    void keep() { kept_ = true; }
    // All that the descriptor yields; returns how many bytes.
    std::size_t store_input(int from);
    void write_script(const std::string& script);

  private:
    std::string path_;
    bool kept_ = false;
};

// Where a new one will be; nothing is made.
std::string new_run_path();
// Of a run: its script, and what it reads.
std::string script_in(const std::string& folder);
std::string input_in(const std::string& folder);

// Writes what is known into the run's folder. Throws SystemError.
void remember(const SubmittedRun& run);
// All that are there, the oldest first.
std::vector<SubmittedRun> submitted_runs();
// Folders of runs that have ended, or were never submitted, and in which nothing was written for 30 days.
void remove_old_runs(const std::vector<SubmittedRun>& runs);

// Control characters as blanks, and no longer than `most` bytes.
std::string on_one_line(const std::string& text, std::size_t most);

}  // namespace haid::cluster
