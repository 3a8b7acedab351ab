// The program `haid`, and `parallel` where it is called so.

#include <signal.h>

#include <exception>
#include <string>
#include <vector>

#include "options.hpp"
#include "system/descriptor.hpp"
#include "system/error.hpp"
#include "system/tell.hpp"
#include "verbs.hpp"

int main(int count, char** arguments) {
    using namespace haid::cli;
    Personality who = personality(count > 0 ? arguments[0] : nullptr);
    std::vector<std::string> words(arguments + (count > 0 ? 1 : 0), arguments + count);
    // A file that may not become longer is an error that names it. (SIGPIPE: see command::Run.)
    ::signal(SIGXFSZ, SIG_IGN);
    // Who ignores it and starts us has the kernel forget how our children end.
    ::signal(SIGCHLD, SIG_DFL);
    try {
        if (!haid::system::hold_standard_descriptors()) {
            haid::system::throw_errno("cannot open /dev/null in place of a closed standard descriptor");
        }
        if (who.name == "sem") {
            throw UsageError(
                "under this name GNU parallel is a semaphore, which haid does not have yet: nothing was run");
        }
        const Verb* verb = !who.is_parallel && !words.empty() ? find_verb(words.front()) : nullptr;
        if (verb == nullptr) return run_commands(words, who);
        words.erase(words.begin());
        return verb->execute(words, who);
    } catch (const std::exception& error) {
        haid::system::tell("{}: error: {}\n", who.name, error.what());
        return 255;  // GNU parallel's status for everything that is not a job's failure
    }
}
