// A function in a process of its own.
//
//     $ process_hello
//     Hello Aaron
//     Process-1 has ended with exit code 0
#include <haid/haid.hpp>
#include <iostream>
#include <string>

void greet(std::string name) {
    std::cout << "Hello " << name << '\n';
}

int main() {
    // What to call, and what to call it with.
    haid::Process child{greet, "Aaron"};

    // From here on there are two processes. This one goes on at once.
    child.start();

    // Waits until the other one has ended.
    child.join();

    // 0 means that the function returned. An exception would be 1, a crash minus the number of its signal.
    std::cout << child.name() << " has ended with exit code " << *child.exit_code() << '\n';
}
