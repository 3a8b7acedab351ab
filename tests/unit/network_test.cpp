#include "system/network.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "system/error.hpp"

namespace haid::system {
namespace {

TEST(Endpoint, IsWrittenAsItIsRead) {
    for (const char* text : {"10.0.0.1:4711", "127.0.0.1:1", "[::1]:65535", "[2001:db8::7]:80", "[fe80::1%3]:9"}) {
        auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->text(), text);
    }
    EXPECT_TRUE(Endpoint::parse("127.3.2.1:1")->loopback());
    EXPECT_TRUE(Endpoint::parse("[::1]:1")->loopback());
    EXPECT_FALSE(Endpoint::parse("10.0.0.1:1")->loopback());
}

TEST(Endpoint, WhatIsNoneIsNone) {
    for (const char* text : {"", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:x", "10.0.0:1", "host:1",
                             "[::1:1", "::1:1x", "[10.0.0.1]:1", "10.0.0.1:-1", "10.0.0.1:1 "}) {
        EXPECT_FALSE(Endpoint::parse(text)) << text;
    }
}

TEST(Network, WhoCallsAnyOfOurAddressesIsHeard) {
    Listening listening = listen_anywhere();
    auto endpoints = own_endpoints(listening.port);
    ASSERT_FALSE(endpoints.empty());
    for (const Endpoint& one : endpoints) {
        Descriptor caller = begin_connecting(one);
        pollfd come{listening.socket.get(), POLLIN, 0};
        ASSERT_EQ(::poll(&come, 1, 10'000), 1) << one.text();
        auto accepted = accept_one(listening.socket.get());
        ASSERT_TRUE(accepted);
        EXPECT_TRUE(Endpoint::parse(accepted->from)) << accepted->from;
        EXPECT_EQ(connection_error(caller.get()), 0);
    }
    EXPECT_FALSE(accept_one(listening.socket.get()));
    for (std::size_t i = 1; i < endpoints.size(); ++i) {
        EXPECT_FALSE(endpoints[i - 1].loopback() && !endpoints[i].loopback());
    }
}

TEST(Network, NobodyListensThere) {
    const std::uint16_t port = listen_anywhere().port;
    Endpoint there = *Endpoint::parse("127.0.0.1:" + std::to_string(port));
    Descriptor caller;
    try {
        caller = begin_connecting(there);
    } catch (const SystemError& error) {
        EXPECT_EQ(error.error(), ECONNREFUSED);
        return;
    }
    pollfd done{caller.get(), POLLOUT, 0};
    ASSERT_EQ(::poll(&done, 1, 10'000), 1);
    EXPECT_EQ(connection_error(caller.get()), ECONNREFUSED);
}

}  // namespace
}  // namespace haid::system
