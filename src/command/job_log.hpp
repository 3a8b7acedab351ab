// The record of which jobs have ended and how, in GNU parallel's format: what a later run goes on from.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "command/job.hpp"
#include "system/descriptor.hpp"

namespace haid::command {

enum class Resume {
    no,            // the log begins anew
    all,           // --resume: what is logged is not run again
    failed,        // --resume-failed: unless it failed
    retry_failed,  // --retry-failed: only what failed, from the log alone
};

// What a log says. Where a job is in it more than once, the last line counts.
class PastJobs {
  public:
    struct Entry {
        bool succeeded;
        std::uint64_t line_hash;
        std::uint64_t offset;  // of the command in the log's text, where there is one
    };

    // A last line without an end was being written when its program died: it does not count.
    // Throws std::invalid_argument naming the line that is not of a job log.
    static PastJobs read(std::string_view text, const std::string& path);

    void add(std::uint64_t sequence, bool succeeded, std::string_view command);

    const Entry* find(std::uint64_t sequence) const;
    bool same_command(const Entry& entry, std::string_view line) const;
    std::map<std::uint64_t, std::string> failed_commands(std::string_view text) const;
    // Bytes of the text that are whole lines.
    std::size_t whole_size() const { return whole_size_; }
    std::size_t size() const { return entries_.size(); }

  private:
    std::unordered_map<std::uint64_t, Entry> entries_;
    std::size_t whole_size_ = 0;
};

// The log of this run. Each line is written whole, by one call, and never changed again.
//
// The file is locked as long as the run or its guard lives: two runs never write the same log, and none goes on from it
// while a job of the last one still runs.
class JobLog {
  public:
    // `waiting` is called where the lock is held by another run, before waiting for it. "+path" appends.
    // Throws SystemError, or std::invalid_argument for a file that is no job log.
    JobLog(const std::string& path, Resume resume, bool append, const std::function<void()>& waiting);

    // For a run that only shows what it would do: nothing is locked, changed or created, and nothing may be added.
    static std::unique_ptr<JobLog> to_look_at(const std::string& path, Resume resume);

    // Throws SystemError; the log then ends with the last whole line.
    void add(std::uint64_t sequence, std::string_view command, const Outcome& outcome);

    const PastJobs& past() const { return past_; }
    std::map<std::uint64_t, std::string> failed_commands() const { return failed_commands_; }
    int descriptor() const { return file_.get(); }

  private:
    JobLog() = default;
    void take_past(const std::string& text, Resume resume);
    void write_line(const std::string& line);

    std::string path_;
    system::Descriptor file_;
    PastJobs past_;
    std::map<std::uint64_t, std::string> failed_commands_;
};

}  // namespace haid::command
