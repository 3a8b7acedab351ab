// Who may print when: whole jobs one after the other, lines as they come, in input order or not.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "command/job.hpp"
#include "command/output/printer.hpp"
#include "command/output/results.hpp"
#include "command/output/tagger.hpp"

namespace haid::command {

struct OutputSettings {
    bool keep_order = false;
    bool line_buffer = false;
    bool show_command = false;  // -v: on standard output, before the job's own
};

// A job's output is printed as a whole (or line by line), never mixed into another job's line. When all of it has been
// handed to the operating system, `delivered` is called, in the order of delivery: what is logged then has not been
// lost.
class Output {
  public:
    using Delivered = std::function<void(const FinishedJob&)>;
    Output(OutputSettings settings, Printer& printer, system::SpoolStore& store, Delivered delivered);
    // Output goes there in place of the terminal.
    void use_results(Results* results) { results_ = results; }

    void started(const Job& job, const std::string& tag);
    void streamed(std::uint64_t sequence, Stream stream, std::string_view data);
    // Standard output of a job that still runs, in whole-job mode: taken, if it is this job's turn and the reader keeps
    // up.
    void offer(std::uint64_t sequence, system::Spool& data);
    // The same for what is in its pipe, without a copy; 0 at the pipe's end.
    std::optional<std::size_t> pass_on(std::uint64_t sequence, int pipe, std::size_t limit);
    void finished(FinishedJob&& finished);
    // This job will not be finished: it was skipped, or ended because the run stops.
    void gone(std::uint64_t sequence);
    // Nothing more will come: prints what still waits for its turn.
    void flush();

    // After a fault, when the printer takes nothing more: those that have finished and will not be delivered.
    std::vector<FinishedJob> take_undelivered();

    // So much waits for its turn in files that new jobs should wait too.
    bool congested() const { return printer_.congested() || spilled_waiting_ > most_spilled; }

  private:
    // Each holds a descriptor.
    static constexpr std::size_t most_spilled = 256;
    // A line longer than this is passed on in parts.
    static constexpr std::size_t longest_line = 16 * 1024 * 1024;

    struct Live {  // a job that runs, or waits for its turn
        std::string line;
        Tagger output_tagger;
        Tagger error_tagger;
        std::string partial_output;  // of a line
        std::string partial_error;
        system::Spool held_output;  // whole lines that wait for the job's turn
        system::Spool held_error;
        bool announced = false;
    };

    bool prints_alone(std::uint64_t sequence) const;
    bool has_turn(std::uint64_t sequence) const { return !settings_.keep_order || sequence == turn_; }
    void advance();
    void deliver(FinishedJob&& one);
    void announce(std::uint64_t sequence, Live& live);
    void print_tagged(Stream stream, system::Spool data, Tagger& tagger);
    void release_held(Live& live);

    OutputSettings settings_;
    Printer& printer_;
    system::SpoolStore& store_;
    Results* results_ = nullptr;
    Delivered delivered_;
    std::unordered_map<std::uint64_t, Live> live_;
    std::map<std::uint64_t, FinishedJob> waiting_;  // finished before their turn
    std::list<FinishedJob> delivering_;             // the printer has their output, and writes it in this order
    std::set<std::uint64_t> gone_;                  // after the one whose turn it is
    std::uint64_t turn_ = 1;
    std::size_t spilled_waiting_ = 0;
};

}  // namespace haid::command
