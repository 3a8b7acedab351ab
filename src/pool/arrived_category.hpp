// Error codes on their way to another process.
#pragma once

#include <string>
#include <system_error>

namespace haid::pool {

// The standard's categories are the same everywhere. Of any other there is an object in each process, which cannot be
// found by its name: what arrives says what that one said.
struct CodeOnItsWay {
    int value;
    std::string category;
    std::string message;
    int condition;  // what it is a case of
    std::string condition_category;
};

CodeOnItsWay code_on_its_way(const std::error_code& code);
// Thread-safe. Codes of one category arrive in one.
std::error_code arrived_code(const CodeOnItsWay& code);

}  // namespace haid::pool
