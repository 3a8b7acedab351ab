#include "schedule/halt.hpp"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>
#include <string>

namespace haid::schedule {
namespace {

std::string_view long_form(std::string_view text) {
    if (text == "0") return "never";
    if (text == "1") return "soon,fail=1";
    if (text == "2") return "now,fail=1";
    if (text == "-1") return "soon,success=1";
    if (text == "-2") return "now,success=1";
    return text;
}

[[noreturn]] void refuse(std::string_view text) {
    throw std::invalid_argument(fmt::format(
        "'{}' is none of never, soon,fail=N, now,fail=N (N a number or a percentage such as 10%; success or "
        "done in place of fail) and 0, 1, 2",
        text));
}

}  // namespace

Halt parse_halt(std::string_view text) {
    std::string expanded(long_form(text));
    if (expanded.ends_with('%') && expanded.find(',') == std::string::npos) expanded = "soon,fail=" + expanded;
    Halt halt;
    std::string_view rest = expanded;
    std::string_view when = rest.substr(0, rest.find(','));
    if (when == "never") return halt;
    if (when == "soon") {
        halt.when = Halt::When::soon;
    } else if (when == "now") {
        halt.when = Halt::When::now;
    } else {
        refuse(text);
    }
    rest.remove_prefix(std::min(when.size() + 1, rest.size()));
    std::string_view on = rest.substr(0, rest.find_first_of("=,"));
    if (on == "fail") {
        halt.on = Halt::On::fail;
    } else if (on == "success") {
        halt.on = Halt::On::success;
    } else if (on == "done") {
        halt.on = Halt::On::done;
    } else {
        refuse(text);
    }
    rest.remove_prefix(std::min(on.size() + 1, rest.size()));
    bool percent = rest.ends_with('%');
    if (percent) rest.remove_suffix(1);
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), halt.count);
    if (error != std::errc() || end != rest.data() + rest.size() || halt.count == 0) refuse(text);
    if (percent) halt.percent = static_cast<double>(halt.count) / 100;
    return halt;
}

bool reached(const Halt& halt, const Tally& tally, std::optional<std::uint64_t> total) {
    if (!halt.active()) return false;
    std::uint64_t value = halt.on == Halt::On::fail      ? tally.failed
                          : halt.on == Halt::On::success ? tally.succeeded
                                                         : tally.done();
    if (value == 0) return false;
    if (!halt.percent) return value >= halt.count;
    return total && static_cast<double>(value) >= static_cast<double>(*total) * *halt.percent;
}

}  // namespace haid::schedule
