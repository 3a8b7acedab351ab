// Runs scripts of several languages at the same time, each with its arguments.
//
//     $ run_scripts examples/scripts
//     Python was given 1 and a
//     R was given 2 and b          (the scripts' own lines: in any order)
//     bash was given 3 and c
//     hello.py 1 a: exit status 0
//     hello.R 2 b: exit status 0
//     hello.sh 3 c: exit status 0
#include <sys/wait.h>

#include <cstdlib>
#include <haid/haid.hpp>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    std::string folder = argc > 1 ? argv[1] : "examples/scripts";

    struct Script {
        std::string interpreter, arguments;
    };
    std::vector<Script> scripts = {{"python3", "hello.py 1 a"}, {"Rscript", "hello.R 2 b"}, {"bash", "hello.sh 3 c"}};

    // Threads are enough: they only wait. The work is done by the scripts, which are processes anyway.
    haid::ThreadPool pool;

    // std::system gives a line to the shell and waits. A ThreadPool's function may capture (`folder`).
    auto statuses = pool.map(
        [&](const Script& script) {
            std::string line = "cd '" + folder + "' && " + script.interpreter + " " + script.arguments;
            int status = std::system(line.c_str());
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        },
        scripts);

    for (std::size_t i = 0; i < scripts.size(); ++i) {
        std::cout << scripts[i].arguments << ": exit status " << statuses[i] << '\n';
    }
    // Where running scripts is all there is to do, no program is needed:  haid run hello.py hello.R -- {} ::: 1 2 3
}
