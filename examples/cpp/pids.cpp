// Every process has a number, its pid, and knows that of its parent.
//
//     $ pids
//     main:  my pid is 4711
//     child: my pid is 4712, my parent's is 4711
//     main:  my child's pid was 4712
#include <unistd.h>

#include <haid/haid.hpp>
#include <iostream>

void tell() {
    // getpid and getppid ask the operating system.
    std::cout << "child: my pid is " << getpid() << ", my parent's is " << getppid() << '\n';
}

int main() {
    std::cout << "main:  my pid is " << getpid() << '\n';

    haid::Process child{tell};
    child.start();
    child.join();

    // The Process knows it as well. While a process runs, no other has its pid; later it may be given out again.
    std::cout << "main:  my child's pid was " << child.pid() << '\n';
}
