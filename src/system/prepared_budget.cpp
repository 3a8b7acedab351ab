#include "system/prepared_budget.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "system/cpu_budget.hpp"
#include "system/thread_libraries.hpp"

namespace haid::system {

PreparedBudget::PreparedBudget() : setters_(thread_setters()) {
    constexpr std::size_t longest_number = 11;
    for (std::string& text : cpu_budget(0)) {
        const std::size_t name_size = text.find('=') + 1;
        text.resize(name_size + longest_number);
        entries_.push_back({name_size, std::move(text)});
    }
    for (Entry& entry : entries_) environment_.push_back(entry.text.data());
    auto replaced = [&](std::string_view text) {
        std::string_view name = text.substr(0, text.find('=') + 1);
        return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& own) {
            return std::string_view(own.text).substr(0, own.name_size) == name;
        });
    };
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        if (!replaced(*entry)) environment_.push_back(*entry);
    }
    environment_.push_back(nullptr);
}

void PreparedBudget::apply(int cpus) {
    for (Entry& entry : entries_) {
        *std::to_chars(entry.text.data() + entry.name_size, entry.text.data() + entry.text.size(), cpus).ptr = '\0';
    }
    environ = environment_.data();
    for (auto setter : setters_) setter(cpus);
}

}  // namespace haid::system
