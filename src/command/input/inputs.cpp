#include "command/input/inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace haid::command {
namespace {

// What is counted for the bar, while jobs wait: some 10 ms. And what is kept at most of a source that does not end.
constexpr std::uint64_t counted_at_once = 50'000;
constexpr std::uint64_t most_ahead = 10'000'000;

constexpr const char* white_space = " \t\n\r\f\v";

void trim(std::string& text, Trim how) {
    if (how == Trim::right || how == Trim::both) text.erase(text.find_last_not_of(white_space) + 1);
    if (how == Trim::left || how == Trim::both)
        text.erase(0, std::min(text.find_first_not_of(white_space), text.size()));
}

// NUL cannot be part of an argument: it arrives as the two characters \0.
bool replace_nul(std::string& text) {
    if (text.find('\0') == std::string::npos) return false;
    std::string shown;
    for (char c : text) c == '\0' ? shown.append("\\0") : shown.append(1, c);
    text = std::move(shown);
    return true;
}

std::vector<LinkedSources> open_sources(const InputSettings& settings) {
    std::vector<LinkedSources> groups;
    auto place = [&](std::unique_ptr<Source> source, bool linked) {
        if (!groups.empty() && (linked || settings.link_all)) {
            groups.back().sources.push_back(std::move(source));
        } else {
            groups.emplace_back().sources.push_back(std::move(source));
            if (settings.link_all) groups.back().length = LinkedSources::Length::longest;
        }
    };
    for (const SourceSetting& source : settings.sources) {
        place(source.is_file ? file_source(source.path, settings.rules)
                             : list_source(source.values, ":::", settings.rules),
              source.linked);
    }
    if (groups.empty()) place(file_source("-", settings.rules), false);
    return groups;
}

}  // namespace

Records::Records(const InputSettings& settings, system::SpoolStore& store)
    : settings_(settings), folder_(store.directory()) {
    if (settings.column_separator)
        splitter_.emplace(*settings.column_separator);
    else if (settings.header)
        splitter_.emplace("\t");
    combination_ = std::make_unique<Combination>(open_sources(settings));
    // Where a delimiter was given, a carriage return is meant.
    if (settings.rules.delimiter != "\n" || settings.rules.split_values) carriage_returns_ = -1;
    if (reads_ahead() || settings.repeated) {
        spool_.emplace(folder_, settings.shuffle);
        settings_.count_ahead = false;
    }
}

Trim Records::how_to_trim() const {
    return settings_.trim.value_or(settings_.column_separator ? Trim::both : Trim::none);
}

Pull Records::next_split(std::vector<std::string>& record) {
    Tuple tuple;
    Pull pull = combination_->next(tuple);
    if (pull != Pull::value) return pull;
    look_for_carriage_returns(tuple);
    if (splitter_) {
        record.clear();
        for (const std::string& value : tuple) splitter_->split(value, record);
    } else {
        record = std::move(tuple);
    }
    for (std::string& value : record) {
        trim(value, how_to_trim());
        if (replace_nul(value) && !std::exchange(replaced_nul_, true)) {
            warnings_.emplace_back(
                "an input holds a NUL, which no argument can hold: it is written \\0; is -0 missing?");
        }
    }
    return Pull::value;
}

void Records::look_for_carriage_returns(const Tuple& tuple) {
    constexpr int enough = 3;
    for (const std::string& value : tuple) {
        if (carriage_returns_ < 0 || carriage_returns_ == enough) return;
        carriage_returns_ = value.ends_with('\r') ? carriage_returns_ + 1 : -1;
        if (carriage_returns_ == enough)
            warnings_.emplace_back(
                "the first three inputs end in CR-NL, as files of Windows do; is -d '\\r\\n' missing?");
    }
}

Pull Records::prepare() {
    if (prepared_) return Pull::value;
    if ((settings_.header || settings_.skip_first_line) && !header_done_) {
        Tuple names;
        std::swap(names, header_);  // what an earlier, blocked call has read
        Pull pull = combination_->take_header(names);
        header_ = std::move(names);
        if (pull == Pull::blocked) return pull;
        header_done_ = true;
        for (std::string& line : header_) {
            if (line.ends_with('\r')) line.pop_back();
        }
        if (splitter_) {
            std::vector<std::string> columns;
            for (const std::string& line : header_) splitter_->split(line, columns);
            header_ = std::move(columns);
        }
        for (std::string& name : header_) trim(name, how_to_trim());
        if (!settings_.header) header_.clear();
    }
    if (reads_ahead()) {
        std::vector<std::string> record;
        Pull pull;
        while ((pull = next_split(record)) == Pull::value) spool_->add(record);
        if (pull == Pull::blocked) return pull;
        spool_->finish();
        from_spool_ = true;
    }
    prepared_ = true;
    return Pull::value;
}

void Records::put_back(std::vector<std::string> record) {
    --taken_;
    returned_.push_back(std::move(record));
}

void Records::rewind() {
    if (!from_spool_) spool_->finish();
    from_spool_ = true;
    spool_->rewind();
    taken_ = 0;
}

std::string Records::place() const {
    if (!from_spool_ && !settings_.count_ahead) return combination_->place();
    return settings_.shuffle ? "one of the inputs" : fmt::format("input {}", taken_);
}

void Records::take_what_has_come() {
    std::vector<std::string> record;
    if (!arriving_) arriving_.emplace(folder_, false);
    for (std::uint64_t i = 0; i < counted_at_once && arriving_->size() < most_ahead; ++i) {
        const Pull pull = next_split(record);
        all_arrived_ = pull == Pull::end;
        if (pull != Pull::value) return;
        arriving_->add(record);
        ++arrived_;
    }
}

Pull Records::next_kept(std::vector<std::string>& record) {
    if (!all_arrived_) take_what_has_come();
    if (spool_ && spool_->next(record)) return Pull::value;
    if (!arriving_ || arriving_->size() == 0) return all_arrived_ ? Pull::end : Pull::blocked;
    spool_ = std::exchange(arriving_, std::nullopt);
    spool_->finish();
    spool_->next(record);
    return Pull::value;
}

Pull Records::next(std::vector<std::string>& record) {
    Pull pull = Pull::value;
    if (!returned_.empty()) {
        record = std::move(returned_.back());
        returned_.pop_back();
    } else if (from_spool_) {
        pull = spool_->next(record) ? Pull::value : Pull::end;
    } else if (settings_.count_ahead) {
        pull = next_kept(record);
    } else {
        pull = next_split(record);
        if (pull == Pull::value && spool_) spool_->add(record);
    }
    if (pull == Pull::value) ++taken_;
    return pull;
}

std::optional<std::uint64_t> Records::count() {
    if (from_spool_) return spool_->size();
    if (settings_.count_ahead && all_arrived_) return arrived_;
    return reads_ahead() ? std::nullopt : combination_->count();
}

bool Batches::may_spread() const {
    return rule_.spread > 0 && quota_ == 0;
}

// Value: as many as a job takes are there, and more are to come; end: what is there is the last.
Pull Batches::collect() {
    const std::uint64_t limit = quota_ > 0 ? quota_ : rule_.records;
    for (;;) {
        const bool full = limit > 0 && collected_.records >= limit;
        // Whether it is the last job, whose records are spread, only the next record tells.
        if (full && !may_spread()) return Pull::value;
        std::vector<std::string> record;
        const Pull pull = records_.next(record);
        if (pull != Pull::value) return pull;
        if (!full) {
            collected_.append(std::move(record));
            if (limit == 1 || fits_(collected_) || collected_.records == 1) continue;
            record = collected_.take_last_record();
        }
        records_.put_back(std::move(record));
        return Pull::value;
    }
}

Pull Batches::next(Arguments& arguments) {
    const Pull pull = collect();
    if (pull == Pull::blocked) return pull;  // what was collected waits for the next call
    if (pull == Pull::end && collected_.records == 0) return pull;
    if (pull == Pull::end && may_spread() && collected_.records > 1) {
        spread();
        collect();
    }
    arguments = std::exchange(collected_, {});
    if (rule_.without_values) {
        arguments.values.clear();
        arguments.columns.clear();
    }
    return Pull::value;
}

void Batches::spread() {
    quota_ = collected_.records / rule_.spread + (collected_.records % rule_.spread != 0 ? 1 : 0);
    while (collected_.records > 0) records_.put_back(collected_.take_last_record());
}

}  // namespace haid::command
