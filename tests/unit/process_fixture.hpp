// For tests of Process: a watchdog, what it looks like, and a kernel without pidfds.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <iostream>
#include <sstream>
#include <string>

#include "haid/process.hpp"
#include "processes.hpp"
#include "without_call.hpp"

namespace haid {

class ProcessClass : public testing::Test {
  protected:
    void SetUp() override { ::alarm(30); }
    void TearDown() override { ::alarm(0); }
};

template <class Value>
std::string text_of(const Value& value) {
    std::ostringstream text;
    text << value;
    return text.str();
}

// Runs the body where the kernel has no pidfds.
template <class Body>
void on_an_old_kernel(Body body) {
    EXPECT_EQ(exit_status(middle([&] {
                  without_call(SYS_pidfd_open);
                  body();
              })),
              0);
}

inline void greet(const std::string& name) {
    std::cout << "Hello " << name << '\n';
}

}  // namespace haid
