// What workers are told of the CPUs that they may use, prepared before they are forked.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace haid::system {

// The budget of processes that are forked from this one, prepared here: in a new process whatever is done for the first
// time is slow (each page that is touched is a fault, some 1 us), and each of them would do the same.
class PreparedBudget {
  public:
    // From the environment and the libraries of this process as they are now.
    PreparedBudget();
    PreparedBudget(const PreparedBudget&) = delete;
    PreparedBudget& operator=(const PreparedBudget&) = delete;

    // Puts it into the environment of this process, a child, once; tells libraries that are loaded, too, for they have
    // read theirs. Unlike setenv(3) it takes no lock that a thread of the parent may have held. What getenv(3) gave
    // before stays as it was. This object has to live as long as the process.
    void apply(int cpus);

  private:
    struct Entry {
        std::size_t name_size;
        std::string text;  // with room for the number
    };
    std::vector<Entry> entries_;
    std::vector<char*> environment_;
    std::vector<void (*)(int)> setters_;
};

}  // namespace haid::system
