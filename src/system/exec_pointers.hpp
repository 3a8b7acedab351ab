// Words as the exec functions take them.
#pragma once

#include <string>
#include <vector>

namespace haid::system {

// With a null pointer at the end. They are the strings' own: valid as long as these are neither changed nor destroyed.
inline std::vector<char*> exec_pointers(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace haid::system
