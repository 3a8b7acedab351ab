#include "process/ladder.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <charconv>
#include <stdexcept>

#include "system/signals.hpp"

namespace haid::process {

using namespace std::chrono_literals;

Ladder default_ladder() {
    return {{SIGTERM, 200ms}, {SIGTERM, 100ms}, {SIGTERM, 50ms}, {SIGKILL, 25ms}};
}

Ladder parse_ladder(std::string_view text) {
    Ladder ladder;
    for (std::size_t at = 0; at <= text.size();) {
        std::size_t comma = std::min(text.find(',', at), text.size());
        std::string_view part = text.substr(at, comma - at);
        at = comma + 1;
        std::size_t second_comma = std::min(text.find(',', at), text.size());
        std::string_view wait = at <= text.size() ? text.substr(at, second_comma - at) : "0";
        at = second_comma + 1;
        auto signal = system::signal_number(part);
        if (!signal) throw std::invalid_argument(fmt::format("'{}' is not the name of a signal", part));
        int milliseconds = 0;
        auto [end, error] = std::from_chars(wait.data(), wait.data() + wait.size(), milliseconds);
        if (error != std::errc() || end != wait.data() + wait.size() || milliseconds < 0) {
            throw std::invalid_argument(fmt::format("'{}' is not a number of milliseconds", wait));
        }
        ladder.push_back({*signal, std::chrono::milliseconds(milliseconds)});
    }
    return ladder;
}

}  // namespace haid::process
