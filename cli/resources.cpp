#include "haid/resources.hpp"
#include "print.hpp"

#include <fmt/format.h>

#include <sstream>

#include "verbs.hpp"

namespace haid::cli {
int show_resources(const std::vector<std::string>& words, const Personality& who) {
    if (!words.empty() && words.front() != "--help" && words.front() != "-h") {
        throw UsageError(fmt::format(
            "'{}': haid resources takes no arguments (a program called resources: haid -- resources)", words.front()));
    }
    if (!words.empty()) {
        print(
            "{} resources: how many CPUs and how much memory may be used here, what every source says, and which one\n"
            "decided: the smallest.\n",
            who.name);
        return 0;
    }
    std::ostringstream text;
    text << resources();
    print_text(text.str());
    return 0;
}

}  // namespace haid::cli
