// From the command line's input sources to the arguments of one job after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "command/arguments.hpp"
#include "command/input/columns.hpp"
#include "command/input/combination.hpp"
#include "command/input/record_spool.hpp"
#include "system/spool.hpp"

namespace haid::command {

struct SourceSetting {
    bool is_file = false;
    bool linked = false;  // to the one before: `:::+`, `::::+`
    std::vector<std::string> values;
    std::string path;
};

enum class Trim { none, left, right, both };

struct InputSettings {
    std::vector<SourceSetting> sources;  // empty: standard input
    bool link_all = false;               // --link
    RecordRules rules;
    std::optional<std::string> column_separator;  // a regular expression; of a header without one, a tab
    bool header = false;
    bool skip_first_line = false;
    std::optional<Trim> trim;  // unless it is said: both sides of columns, nothing else
    bool shuffle = false;
    bool read_ahead = false;   // the number of inputs must be known before the first job
    bool count_ahead = false;  // it should be known as soon as it can be; no job waits for it
    bool repeated = false;     // they are asked for more than once
};

// How many records go into one job.
struct BatchRule {
    std::uint64_t records = 1;    // 0: as many as fit
    bool without_values = false;  // -n0: a job for each record, which gets none of it
    std::uint64_t spread = 0;     // at the end of the input, what is left is spread over this many jobs
};

// One record after the other; constant memory, but for the groups of a product. What has to be kept (--shuf, what is
// read or counted ahead, inputs that are asked for again) lies in a spool.
class Records {
  public:
    // Opens the sources. Throws InputError, or std::invalid_argument for a wrong column separator.
    Records(const InputSettings& settings, system::SpoolStore& store);

    // To be called until it says value: reads header lines, and everything where that is asked for.
    Pull prepare();
    Pull next(std::vector<std::string>& record);
    void put_back(std::vector<std::string> record);
    // All of them again, after the last one. Only where they are `repeated`.
    void rewind();

    const std::vector<std::string>& header() const { return header_; }
    int descriptor() const { return combination_->descriptor(); }
    // Of the last record.
    std::string place() const;
    std::optional<std::uint64_t> count();
    // What is strange about the inputs taken so far, each told once.
    std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }

  private:
    Trim how_to_trim() const;
    bool reads_ahead() const { return settings_.shuffle || settings_.read_ahead; }
    Pull next_split(std::vector<std::string>& record);
    void look_for_carriage_returns(const Tuple& tuple);
    void take_what_has_come();
    Pull next_kept(std::vector<std::string>& record);

    InputSettings settings_;
    std::unique_ptr<Combination> combination_;
    std::optional<ColumnSplitter> splitter_;
    std::vector<std::string> header_;
    std::vector<std::vector<std::string>> returned_;
    std::optional<RecordSpool> spool_;
    // count_ahead: what has come since the spool is read, how many there were in all, and whether the sources have
    // ended.
    std::string folder_;
    std::optional<RecordSpool> arriving_;
    std::uint64_t arrived_ = 0;
    bool all_arrived_ = false;
    std::uint64_t taken_ = 0;
    bool prepared_ = false;
    bool from_spool_ = false;
    bool header_done_ = false;
    bool replaced_nul_ = false;
    int carriage_returns_ = 0;  // so many inputs end in one, all until now; -1: that need not be known any more
    std::vector<std::string> warnings_;
};

// Collects records into the arguments of jobs.
class Batches {
  public:
    // `fits`: whether a job may have these arguments; asked only where a job takes more than one record.
    using Fits = std::function<bool(const Arguments&)>;
    Batches(Records& records, BatchRule rule, Fits fits) : records_(records), rule_(rule), fits_(std::move(fits)) {}

    Pull next(Arguments& arguments);

  private:
    Pull collect();
    bool may_spread() const;
    void spread();

    Records& records_;
    BatchRule rule_;
    Fits fits_;
    Arguments collected_;
    std::uint64_t quota_ = 0;  // records per job, once what is left has been spread
};

}  // namespace haid::command
