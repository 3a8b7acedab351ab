// Several input sources into tuples: every value with every value, or linked side by side.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/input/source.hpp"

namespace haid::command {

using Tuple = std::vector<std::string>;

// Sources that are read side by side: one value of each makes a part of a tuple.
struct LinkedSources {
    std::vector<std::unique_ptr<Source>> sources;
    enum class Length {
        shortest,
        longest
    } length = Length::shortest;  // `:::+`; `--link`, where short ones start again
};

// The product of its groups, the last varying fastest. The first group is streamed; the others are kept in memory. A
// group without a value counts as one empty value, as long as another group has some.
class Combination {
  public:
    explicit Combination(std::vector<LinkedSources> groups);

    Pull next(Tuple& tuple);
    int descriptor() const;
    std::optional<std::uint64_t> count();
    std::string place() const;
    // One value of every source: a header line.
    Pull take_header(Tuple& names);

  private:
    struct Group {
        LinkedSources linked;
        Tuple partial;                               // values of this step already read
        std::vector<std::vector<std::string>> seen;  // per source, to start again
        std::vector<bool> ended;
        std::vector<std::size_t> wrapped;
        std::uint64_t taken = 0;
    };
    Pull next_of(Group& group, Tuple& tuple);
    Pull next_wrapping(Group& group, Tuple& tuple);
    Pull load();

    std::vector<Group> groups_;
    std::vector<std::vector<Tuple>> stored_;  // of groups 1…
    std::vector<std::size_t> position_;       // in stored_
    Tuple first_;
    bool loaded_ = false;
    bool has_first_ = false;
    bool ended_ = false;
    const Source* waiting_for_ = nullptr;
    std::size_t header_read_ = 0;
};

}  // namespace haid::command
