// What a person at a terminal is told of a run: a progress line while it lasts, a list of what failed at its end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "command/observer.hpp"
#include "report/progress.hpp"

namespace haid::report {

struct Style {
    enum class Progress {
        automatic,  // a line by itself, on a terminal only, once the run lasts longer than two seconds
        none,
        bar,
        eta,
        counts
    } progress = Progress::automatic;
    bool list_failures = true;
    std::string program_name = "haid";
};

// Writes to standard error. The progress line is wiped before anything else is written to the terminal, and never mixes
// with output; where standard error is no terminal, what was asked for by option is written once a second, a line each.
class Report : public command::Observer {
  public:
    explicit Report(Style style);
    ~Report() override;

    void on_end(const command::Job& job, const command::Outcome& outcome) override;
    void make_room() override;
    void look(const command::Status& status) override;
    std::optional<system::Time> next_look() const override { return next_look_; }
    void on_finish(const command::Status& status) override;

  private:
    struct Failure {
        std::uint64_t sequence;
        std::string how;
        std::string line;
    };
    // More would push what matters off the screen; the job log has them all.
    static constexpr std::size_t most_listed = 10;

    void wipe();
    void draw(const command::Status& status);
    void list_failures(const command::Status& status);

    Style style_;
    bool terminal_;
    bool drawn_ = false;
    std::optional<system::Time> next_look_;
    std::vector<Failure> failures_;
    std::uint64_t failed_ = 0;
};

}  // namespace haid::report
