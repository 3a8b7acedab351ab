#include "command/input/combination.hpp"

#include <algorithm>
#include <utility>

namespace haid::command {

Combination::Combination(std::vector<LinkedSources> groups) {
    for (LinkedSources& linked : groups) {
        std::size_t size = linked.sources.size();
        groups_.push_back({std::move(linked),
                           {},
                           std::vector<std::vector<std::string>>(size),
                           std::vector<bool>(size),
                           std::vector<std::size_t>(size)});
    }
}

int Combination::descriptor() const {
    return waiting_for_ != nullptr ? waiting_for_->descriptor() : -1;
}

std::string Combination::place() const {
    return groups_.front().linked.sources.front()->place();
}

Pull Combination::take_header(Tuple& names) {
    std::size_t index = 0;
    for (Group& group : groups_) {
        for (auto& source : group.linked.sources) {
            if (index++ < header_read_) continue;
            std::string name;
            Pull pull = source->next(name);
            if (pull == Pull::blocked) {
                waiting_for_ = source.get();
                return pull;
            }
            ++header_read_;
            names.push_back(std::move(name));
        }
    }
    return Pull::value;
}

// Resumes where it was blocked: what has been read of a step stays in `partial`.
Pull Combination::next_of(Group& group, Tuple& tuple) {
    if (group.linked.length == LinkedSources::Length::longest) return next_wrapping(group, tuple);
    while (group.partial.size() < group.linked.sources.size()) {
        Source& source = *group.linked.sources[group.partial.size()];
        std::string value;
        Pull pull = source.next(value);
        if (pull == Pull::blocked) waiting_for_ = &source;
        if (pull != Pull::value) return pull;
        group.partial.push_back(std::move(value));
    }
    tuple = std::exchange(group.partial, {});
    ++group.taken;
    return Pull::value;
}

Pull Combination::next_wrapping(Group& group, Tuple& tuple) {
    auto all_ended = [&] { return std::find(group.ended.begin(), group.ended.end(), false) == group.ended.end(); };
    while (group.partial.size() < group.linked.sources.size()) {
        std::size_t index = group.partial.size();
        Source& source = *group.linked.sources[index];
        std::vector<std::string>& seen = group.seen[index];
        if (!group.ended[index]) {
            std::string value;
            Pull pull = source.next(value);
            if (pull == Pull::blocked) {
                waiting_for_ = &source;
                return pull;
            }
            if (pull == Pull::value) {
                // A single source never starts again: nothing to keep.
                if (group.linked.sources.size() > 1) seen.push_back(value);
                group.partial.push_back(std::move(value));
                continue;
            }
            group.ended[index] = true;
        }
        if (seen.empty()) {
            group.partial.emplace_back();
        } else {
            group.partial.push_back(seen[group.wrapped[index]++ % seen.size()]);
        }
    }
    Tuple complete = std::exchange(group.partial, {});
    if (all_ended()) return Pull::end;
    tuple = std::move(complete);
    ++group.taken;
    return Pull::value;
}

Pull Combination::load() {
    for (std::size_t index = 1; index < groups_.size(); ++index) {
        if (stored_.size() < index) stored_.emplace_back();
        Tuple tuple;
        for (;;) {
            // A group already at its end says so again.
            Pull pull = next_of(groups_[index], tuple);
            if (pull == Pull::blocked) return pull;
            if (pull == Pull::end) break;
            stored_[index - 1].push_back(tuple);
        }
    }
    position_.assign(stored_.size(), 0);
    loaded_ = true;
    return Pull::value;
}

Pull Combination::next(Tuple& tuple) {
    if (!loaded_ && load() == Pull::blocked) return Pull::blocked;
    if (ended_) return Pull::end;
    if (!has_first_) {
        Pull pull = next_of(groups_.front(), first_);
        if (pull == Pull::blocked) return pull;
        if (pull == Pull::end) {
            ended_ = true;
            bool others = std::any_of(stored_.begin(), stored_.end(), [](const auto& s) { return !s.empty(); });
            if (groups_.front().taken > 0 || !others) return Pull::end;
            ended_ = false;
            groups_.front().taken = 1;
            first_.assign(groups_.front().linked.sources.size(), "");
        }
        has_first_ = true;
    }
    tuple = first_;
    for (std::size_t i = 0; i < stored_.size(); ++i) {
        if (stored_[i].empty()) {
            tuple.resize(tuple.size() + groups_[i + 1].linked.sources.size());
        } else {
            tuple.insert(tuple.end(), stored_[i][position_[i]].begin(), stored_[i][position_[i]].end());
        }
    }
    has_first_ = false;
    for (std::size_t i = stored_.size(); i-- > 0;) {
        if (++position_[i] < stored_[i].size()) {
            has_first_ = true;
            break;
        }
        position_[i] = 0;
    }
    return Pull::value;
}

std::optional<std::uint64_t> Combination::count() {
    std::uint64_t product = 1;
    bool any = false;
    for (std::size_t index = 0; index < groups_.size(); ++index) {
        std::optional<std::uint64_t> size;
        if (index > 0 && loaded_) {
            size = stored_[index - 1].size();
        } else {
            for (auto& source : groups_[index].linked.sources) {
                auto count = source->count();
                if (!count) return std::nullopt;
                if (header_read_ > 0 && *count > 0) --*count;
                bool longest = groups_[index].linked.length == LinkedSources::Length::longest;
                size = !size ? *count : longest ? std::max(*size, *count) : std::min(*size, *count);
            }
        }
        any = any || *size > 0;
        product *= std::max<std::uint64_t>(*size, 1);
    }
    return any ? product : 0;
}

}  // namespace haid::command
