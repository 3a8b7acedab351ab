// Nobody calls join: what happens? The process is waited for all the same, where its variable ends.
//
//     $ process_without_join
//     main: the child was started, and I go on
//     child: Hello Aaron
//     main: the end
#include <chrono>
#include <haid/haid.hpp>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

void greet(std::string name) {
    std::this_thread::sleep_for(100ms);  // so slow that main is ahead of it
    std::cout << "child: Hello " << name << '\n';
}

int main() {
    {
        haid::Process child{greet, "Aaron"};
        child.start();
        // Without join this line does not wait for the child. std::endl, not '\n': the line is to be out now, not when
        // this program ends.
        std::cout << "main: the child was started, and I go on" << std::endl;
    }  // `child` ends here, and its destructor joins. Without this block it would be at the end of main.

    // A child that should not be waited for is a daemon: child.daemon(true) before start(). It is ended here.
    std::cout << "main: the end\n";
}
