#include "command/output/result_places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string_view>

#include "command/hash.hpp"

namespace haid::command {
namespace {

// Of every file system in use: NAME_MAX.
constexpr std::size_t longest_name = 255;

// What stands for an input that cannot be the name of a folder. No other input comes to be one of these, for a
// backslash in it is doubled.
constexpr std::string_view no_values = "\\0noarg";  // as GNU parallel has it
constexpr std::string_view no_text = "\\empty";

// As GNU parallel does, \t, \\ and \_ (for /) are written for what a name cannot hold or what would be mistaken.
std::string folder_name(const std::string& value) {
    if (value.empty()) return std::string(no_text);
    if (value == "." || value == "..") return "\\" + value;
    std::string name;
    for (char c : value) {
        switch (c) {
            case '\\':
                name += "\\\\";
                break;
            case '\t':
                name += "\\t";
                break;
            case '/':
                name += "\\_";
                break;
            default:
                name += c;
        }
    }
    return name;
}

// What is too long for a name ends in a hash of the whole.
std::string fitting(std::string_view name) {
    if (name.size() <= longest_name) return std::string(name);
    const std::string end = fmt::format("\\{:016x}", hash_of(name));
    return std::string(name.substr(0, longest_name - end.size())) + end;
}

template <class Use>
void for_each_name(std::string_view path, const Use& use) {
    for (std::size_t from = 0, slash = 0; slash != path.npos; from = slash + 1) {
        slash = path.find('/', from);
        use(path.substr(from, std::min(slash, path.size()) - from), slash != path.npos);
    }
}

// A path below a folder: `.` and empty names say nothing, and `..` is a name like any other.
std::string below(std::string_view top, std::string_view rest) {
    std::string path(top);
    for_each_name(rest, [&](std::string_view name, bool more) {
        if (name.empty() || name == ".") return;
        path += name == ".." ? "\\.." : name;
        if (more) path += '/';
    });
    if (path.size() == top.size()) path.append(no_text).append(rest.ends_with('/') ? "/" : "");
    return path;
}

bool is_folder(std::string_view base) {
    return base.ends_with('/');
}

std::vector<std::string> files_of(const std::string& base) {
    if (is_folder(base)) return {base + "stdout", base + "stderr", base + "seq", base + "status"};
    return {base, base + ".err", base + ".seq", base + ".status"};
}

// `\2` behind the name of the file or the folder.
std::string numbered(const std::string& base, std::uint32_t number) {
    if (is_folder(base)) return fmt::format("{}\\{}/", std::string_view(base).substr(0, base.size() - 1), number);
    return fmt::format("{}\\{}", base, number);
}

}  // namespace

ResultPlaces::ResultPlaces(const std::string& where, const TemplateSettings& settings,
                           std::function<void(const std::string&)> say)
    : where_(where), template_(Template::text(where, settings)), names_(settings.names), say_(std::move(say)) {
    const std::string leading = template_.leading();
    top_ = leading.substr(0, leading.rfind('/') + 1);  // npos + 1 is 0
}

ResultPaths ResultPlaces::next(const Job& job) {
    const std::string wanted = base_of(job);
    std::string base = wanted;
    const bool moved = !take(base);
    if (moved) {
        std::uint32_t& number = taken_.try_emplace(hash_of(wanted), 2).first->second;
        do base = numbered(wanted, number++);
        while (!take(base));
    }
    if (!template_.has_replacements()) {
        std::string path = where_ + "/";
        for_each_name(std::string_view(base).substr(path.size()), [&](std::string_view name, bool more) {
            path += fitting(name);
            if (more) path += '/';
        });
        base = path;
    }
    const std::vector<std::string> files = files_of(base);
    if (moved && !std::exchange(told_, true)) {
        say_(fmt::format("an earlier job has the same results as job {}, whose own are kept in '{}', and so on",
                         job.sequence, files[0]));
    }
    return {files[0], files[1], files[2]};
}

bool ResultPlaces::tells_scripts_apart() const {
    using Kind = Template::Kind;
    return !template_.has_replacements() || template_.uses(Kind::script) || template_.uses(Kind::sequence);
}

// Folders of values have no file in common unless they are the same; paths of a template may.
bool ResultPlaces::take(const std::string& base) {
    if (!template_.has_replacements()) return taken_.try_emplace(hash_of(base), 2).second;
    std::vector<std::uint64_t> hashes;
    for (const std::string& file : files_of(base)) {
        hashes.push_back(hash_of(std::filesystem::path(file).lexically_normal().native()));
    }
    const bool free =
        std::none_of(hashes.begin(), hashes.end(), [&](std::uint64_t hash) { return taken_.contains(hash); });
    if (free) {
        for (std::uint64_t hash : hashes) taken_.emplace(hash, 2);
    }
    return free;
}

std::string ResultPlaces::base_of(const Job& job) const {
    if (!template_.has_replacements()) return where_ + "/" + folders_of(job.arguments) + "/";
    std::string path = template_.fill(job.arguments, job.sequence, job.slot);
    if (top_.empty() || !path.starts_with(top_)) return path;
    return below(top_, std::string_view(path).substr(top_.size()));
}

// The script, where one is run; then name/value/name/value…: columns in the order of their names, numbers first.
std::string ResultPlaces::folders_of(const Arguments& arguments) const {
    std::string path = arguments.script.empty() ? "" : folder_name(arguments.script);
    if (arguments.values.empty()) return path.empty() ? fmt::format("1/{}", no_values) : path;
    std::size_t at = 0;
    while (at < arguments.values.size()) {
        std::size_t end = at + 1;
        while (end < arguments.values.size() && arguments.columns[end] != 1) ++end;
        std::vector<std::size_t> order(end - at);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            int x = std::atoi(name_of(a).c_str()), y = std::atoi(name_of(b).c_str());
            return x != y ? x < y : name_of(a) < name_of(b);
        });
        for (std::size_t column : order) {
            if (!path.empty()) path += '/';
            path += folder_name(name_of(column)) + "/" + folder_name(arguments.values[at + column]);
        }
        at = end;
    }
    return path;
}

std::string ResultPlaces::name_of(std::size_t column) const {
    return column < names_.size() ? names_[column] : std::to_string(column + 1);
}

}  // namespace haid::command
