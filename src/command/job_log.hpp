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
#include <utility>
#include <vector>

#include "schedule/ending.hpp"
#include "system/descriptor.hpp"

namespace haid::command {

class Printer;

enum class Resume {
    no,            // the log begins anew
    all,           // --resume: what is logged is not run again
    failed,        // --resume-failed: unless it failed
    retry_failed,  // --retry-failed: only what failed, from the log alone
};

// What a log says. Where a number is in it more than once, the last line with the same command counts.
class PastJobs {
  public:
    struct Entry {
        bool succeeded;
        std::uint64_t line_hash;
        std::uint64_t offset;  // of the command in the log's text, where there is one
        bool taken = false;    // it stands for a job of this run
    };
    PastJobs() = default;
    PastJobs(PastJobs&&) = default;
    PastJobs& operator=(PastJobs&&) = default;

    // A last line without an end was being written when its program died: it does not count.
    // Throws std::invalid_argument naming the line that is not of a job log.
    static PastJobs read(std::string_view text, const std::string& path);

    void add(std::uint64_t sequence, bool succeeded, std::string_view command);

    // The last line with this number.
    const Entry* find(std::uint64_t sequence) const;
    bool same_command(const Entry& entry, std::string_view line) const;
    // Whether this job of a new run has been done. To be asked once for each, in the order of their numbers, for a line
    // stands for one job: the one with its number, if that has its command; else any of its command, where the number
    // shows that inputs have come or gone in front of it; and where the log does not have the number, one that no job
    // with that number can want any more. Jobs of one and the same command are told apart by their numbers.
    bool done(std::uint64_t sequence, std::string_view line, bool even_failed);
    // A number has stood for two commands, in the log or of the jobs that were asked for.
    bool numbers_differ() const { return numbers_differ_; }
    // By their numbers, of which the last line counts: another command under a number has taken the place of the first.
    std::map<std::uint64_t, std::string> failed_commands(std::string_view text) const;
    // Bytes of the text that are whole lines.
    std::size_t whole_size() const { return whole_size_; }
    std::size_t size() const { return entries_.size(); }

  private:
    struct Candidate {
        std::uint64_t line_hash;
        std::uint64_t sequence;  // 0: nobody asks for it by its number
        Entry* entry;
        std::uint32_t passed = 0;  // of the first with this command: so many of them are taken
    };
    void put(std::uint64_t sequence, Entry entry);
    void index_commands(bool even_failed);
    bool take_elsewhere(std::uint64_t line_hash, std::uint64_t below);

    std::unordered_map<std::uint64_t, Entry> entries_;
    // By number and hash: what later lines with the number have replaced, and is no attempt before them.
    std::multimap<std::pair<std::uint64_t, std::uint64_t>, Entry> replaced_;
    std::vector<Candidate> by_command_;  // once it is asked for
    bool indexed_ = false;
    bool numbers_differ_ = false;
    std::size_t whole_size_ = 0;
};

// The log of this run: a line for each job that is delivered. Each line is written whole, by one call, and never
// changed again.
//
// The file is locked as long as the run or its guard lives: two runs never write the same log, and none goes on from it
// while a job of the last one still runs.
class JobLog : public schedule::EndingListener {
  public:
    // `waiting` is called where the lock is held by another run, before waiting for it. "+path" appends.
    // Throws SystemError, or std::invalid_argument for a file that is no job log.
    JobLog(const std::string& path, Resume resume, bool append, const std::function<void()>& waiting);

    // For a run that only shows what it would do: nothing is locked, changed or created, and nothing may be added.
    static std::unique_ptr<JobLog> to_look_at(const std::string& path, Resume resume);

    // Throws SystemError; the log then ends with the last whole line.
    void on_ending(const schedule::Ending& ending) override;

    PastJobs& past() { return past_; }
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

// The same lines on standard output, each after what its job has printed there; nobody goes on from them.
class PrintedJobLog : public schedule::EndingListener {
  public:
    explicit PrintedJobLog(Printer& printer);
    void on_ending(const schedule::Ending& ending) override;

  private:
    Printer& printer_;
};

}  // namespace haid::command
