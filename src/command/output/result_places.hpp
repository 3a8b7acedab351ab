// --results FOLDER, or a template of paths: which files are a job's.
//
// No two jobs of a run have the same, and none is outside of the folder, whatever the inputs are.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "command/job.hpp"
#include "command/template.hpp"

namespace haid::command {

class ResultPlaces {
  public:
    // `where`: the folder, in which each job has its own, named by its values; or, where replacement strings are in it,
    // a template. What the values of a template name stays below the folder that it begins with, if it begins with one.
    // `say`: told once, where a job's are not where its values say.
    ResultPlaces(const std::string& where, const TemplateSettings& settings,
                 std::function<void(const std::string&)> say);

    // To be called once for each job, in the order of the inputs: where an earlier one has the same files, the second
    // has `\2` behind their name, the third `\3`, and with the same inputs every run has the same.
    ResultPaths next(const Job& job);

    // A template names the slot: places are known only when jobs start.
    bool uses_slot() const { return template_.uses_slot(); }
    // Jobs of two scripts with the same values have different files.
    bool tells_scripts_apart() const;

  private:
    std::string base_of(const Job& job) const;
    std::string folders_of(const Arguments& arguments) const;
    std::string name_of(std::size_t column) const;
    bool take(const std::string& base);

    std::string where_;
    Template template_;
    std::string top_;  // what a template begins with, up to the last slash
    std::vector<std::string> names_;
    std::function<void(const std::string&)> say_;
    bool told_ = false;
    // By the hash of a place: the number to be tried next for another job with the same.
    std::unordered_map<std::uint64_t, std::uint32_t> taken_;
};

}  // namespace haid::command
