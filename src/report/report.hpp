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
    // Jobs write to the terminal themselves (-u): nobody knows where its cursor is. No line by itself then; one that
    // was asked for stays, on a line of its own.
    bool jobs_write = false;
    bool list_failures = true;
    std::string program_name = "haid";
};

// All of it is for standard error. Where that is no terminal, what was asked for by option is told once a second, a
// line each.
class Report : public command::Observer {
  public:
    explicit Report(Style style);

    void on_ending(const schedule::Ending& ending) override;
    command::Shown look(const command::Status& status) override;
    std::optional<system::Time> next_look() const override { return next_look_; }
    std::string on_finish(const command::Status& status) override;

  private:
    struct Failure {
        std::uint64_t sequence;
        std::string how;
        std::string line;
    };
    // More would push what matters off the screen; the job log has them all.
    static constexpr std::size_t most_listed = 10;

    std::string line(const command::Status& status) const;
    std::string list_of_failures(const command::Status& status) const;

    Style style_;
    bool terminal_;
    std::optional<system::Time> next_look_;
    std::vector<Failure> failures_;
    std::uint64_t failed_ = 0;
};

}  // namespace haid::report
