#include "nodes/connection.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/messages.hpp"
#include "system/error.hpp"

namespace haid::nodes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

std::pair<system::Descriptor, system::Descriptor> pair_of_sockets() {
    int ends[2];
    system::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair");
    return {system::Descriptor(ends[0]), system::Descriptor(ends[1])};
}

// One end of a connection, and what came to it.
class End : Connection::Listener {
  public:
    End(system::EventLoop& loop, system::Descriptor socket, const Secret& secret, Connection::Side side)
        : connection_(loop, std::move(socket), secret, side, *this) {}

    Connection& connection() { return connection_; }
    void send(const std::string& text) { connection_.send(text); }
    std::vector<std::string> came;
    std::optional<std::string> closed;

  private:
    void on_messages(Decoder& from) override {
        for_each_message<std::string>(from, [&](std::string&& text) {
            came.push_back(std::move(text));
            return true;
        });
    }
    void on_closed(const std::string& reason) override { closed = reason; }

    Connection connection_;
};

class ConnectionTest : public testing::Test {
  protected:
    ConnectionTest() { ::alarm(30); }
    ~ConnectionTest() override { ::alarm(0); }

    void connect(const Secret& agents_secret) {
        auto [one, other] = pair_of_sockets();
        coordinator_.emplace(loop_, std::move(one), secret_, Connection::Side::coordinator);
        agent_.emplace(loop_, std::move(other), agents_secret, Connection::Side::agent);
    }
    // The coordinator alone; what it sends and gets is in the test's hands.
    system::Descriptor connect_raw() {
        auto [one, other] = pair_of_sockets();
        coordinator_.emplace(loop_, std::move(one), secret_, Connection::Side::coordinator);
        return std::move(other);
    }
    template <class Predicate>
    bool until(Predicate true_now) {
        const auto end = system::Clock::now() + 10s;
        while (!true_now()) {
            if (system::Clock::now() > end) return false;
            loop_.wait(system::Clock::now() + 10ms);
        }
        return true;
    }

    Secret secret_ = Secret::random();
    system::EventLoop loop_;
    std::optional<End> coordinator_;
    std::optional<End> agent_;
};

TEST_F(ConnectionTest, MessagesArriveInOrderBothWays) {
    connect(secret_);
    agent_->send("hello");
    agent_->send("from the agent");
    coordinator_->send("welcome");
    ASSERT_TRUE(until([&] { return coordinator_->came.size() == 2 && agent_->came.size() == 1; }));
    EXPECT_THAT(coordinator_->came, ElementsAre("hello", "from the agent"));
    EXPECT_THAT(agent_->came, ElementsAre("welcome"));
    EXPECT_TRUE(coordinator_->connection().authenticated());
}

TEST_F(ConnectionTest, LargeMessagesAndManySmallOnes) {
    connect(secret_);
    agent_->send("hello");
    std::vector<std::string> sent = {"hello"};
    std::mt19937 random(7);
    ASSERT_TRUE(until([&] { return !coordinator_->came.empty(); }));
    for (int i = 0; i < 300; ++i) {
        sent.push_back(std::string(i % 50 == 0 ? 3'000'000 : random() % 3000, static_cast<char>('a' + i % 26)));
        agent_->send(sent.back());
    }
    ASSERT_TRUE(until([&] { return coordinator_->came.size() == sent.size(); }));
    EXPECT_EQ(coordinator_->came, sent);
    EXPECT_EQ(agent_->connection().waiting(), 0U);
}

TEST_F(ConnectionTest, AnotherSecretIsRefusedByBoth) {
    connect(Secret::random());
    agent_->send("hello");
    coordinator_->send("welcome");
    ASSERT_TRUE(until([&] { return coordinator_->closed && agent_->closed; }));
    EXPECT_THAT(*coordinator_->closed, HasSubstr("secret"));
    EXPECT_THAT(coordinator_->came, IsEmpty());
    EXPECT_THAT(agent_->came, IsEmpty());
}

TEST_F(ConnectionTest, TheEndIsTold) {
    connect(secret_);
    agent_->send("last words");
    ASSERT_TRUE(until([&] { return agent_->connection().waiting() == 0 && coordinator_->came.size() == 1; }));
    agent_.reset();
    ASSERT_TRUE(until([&] { return coordinator_->closed.has_value(); }));
    EXPECT_THAT(*coordinator_->closed, HasSubstr("closed"));
    coordinator_->send("to nobody");  // does nothing
}

TEST_F(ConnectionTest, BytesThatAreNoMessageClose) {
    auto [one, other] = pair_of_sockets();
    coordinator_.emplace(loop_, std::move(one), secret_, Connection::Side::coordinator);
    struct Other : Connection::Listener {
        void on_messages(Decoder&) override {}
        void on_closed(const std::string&) override {}
    } nobody;
    Connection agent(loop_, std::move(other), secret_, Connection::Side::agent, nobody);
    agent.send(std::uint8_t{200});  // as a text: of a length that is not there
    ASSERT_TRUE(until([&] { return coordinator_->closed.has_value(); }));
    EXPECT_THAT(*coordinator_->closed, HasSubstr("not understood"));
}

TEST_F(ConnectionTest, AnythingOfAStrangerEndsInRefusal) {
    std::mt19937 random(11);
    for (int round = 0; round < 200; ++round) {
        system::Descriptor stranger = connect_raw();
        std::string bytes(random() % 5000 + 100, '\0');
        for (char& byte : bytes) byte = static_cast<char>(random());
        // A small length, so that it is a frame that is refused and not its size.
        if (round % 2 == 0) std::memcpy(bytes.data() + 32 + 24, "\x20\0\0\0", 4);
        for (std::size_t at = 0; at < bytes.size() && !coordinator_->closed;) {
            const std::size_t piece = std::min<std::size_t>(random() % 100 + 1, bytes.size() - at);
            ASSERT_EQ(::send(stranger.get(), bytes.data() + at, piece, MSG_NOSIGNAL), ssize_t(piece));
            at += piece;
            loop_.wait(system::Clock::now());
        }
        ASSERT_TRUE(until([&] { return coordinator_->closed.has_value(); })) << round;
        EXPECT_THAT(coordinator_->came, IsEmpty());
        EXPECT_FALSE(coordinator_->connection().authenticated());
    }
}

TEST_F(ConnectionTest, NothingThatWasRecordedCanBePlayedBack) {
    // A real agent talks through a recorder; then the record is sent once more.
    auto [one, recorder_one] = pair_of_sockets();
    auto [other, recorder_other] = pair_of_sockets();
    coordinator_.emplace(loop_, std::move(one), secret_, Connection::Side::coordinator);
    agent_.emplace(loop_, std::move(other), secret_, Connection::Side::agent);
    agent_->send("hello");
    std::string record;
    auto pass_on = [&] {
        char buffer[4096];
        for (ssize_t n; (n = ::recv(recorder_one.get(), buffer, sizeof buffer, 0)) > 0;) {
            ::send(recorder_other.get(), buffer, static_cast<std::size_t>(n), 0);
        }
        for (ssize_t n; (n = ::recv(recorder_other.get(), buffer, sizeof buffer, 0)) > 0;) {
            record.append(buffer, static_cast<std::size_t>(n));
            ::send(recorder_one.get(), buffer, static_cast<std::size_t>(n), 0);
        }
    };
    ASSERT_TRUE(until([&] {
        pass_on();
        return coordinator_->came.size() == 1;
    }));
    coordinator_.reset();
    system::Descriptor again = connect_raw();
    ASSERT_EQ(::send(again.get(), record.data(), record.size(), 0), ssize_t(record.size()));
    ASSERT_TRUE(until([&] { return coordinator_->closed.has_value(); }));
    EXPECT_THAT(*coordinator_->closed, HasSubstr("secret"));
    EXPECT_THAT(coordinator_->came, IsEmpty());
}

TEST_F(ConnectionTest, OneChangedBitCloses) {
    auto [one, middle_one] = pair_of_sockets();
    auto [other, middle_other] = pair_of_sockets();
    coordinator_.emplace(loop_, std::move(one), secret_, Connection::Side::coordinator);
    agent_.emplace(loop_, std::move(other), secret_, Connection::Side::agent);
    bool change = false;
    auto pass_on = [&] {
        char buffer[4096];
        for (ssize_t n; (n = ::recv(middle_one.get(), buffer, sizeof buffer, 0)) > 0;) {
            ::send(middle_other.get(), buffer, static_cast<std::size_t>(n), 0);
        }
        for (ssize_t n; (n = ::recv(middle_other.get(), buffer, sizeof buffer, 0)) > 0;) {
            if (change) buffer[n - 1] = static_cast<char>(buffer[n - 1] ^ 1);
            ::send(middle_one.get(), buffer, static_cast<std::size_t>(n), 0);
        }
    };
    agent_->send("hello");
    ASSERT_TRUE(until([&] {
        pass_on();
        return coordinator_->came.size() == 1;
    }));
    change = true;
    agent_->send("something else");
    ASSERT_TRUE(until([&] {
        pass_on();
        return coordinator_->closed.has_value();
    }));
    EXPECT_THAT(*coordinator_->closed, HasSubstr("changed"));
    EXPECT_EQ(coordinator_->came.size(), 1U);
}

TEST(Secret, IsReadByItsOwnerOnly) {
    const std::string path = testing::TempDir() + "haid-secret-" + std::to_string(::getpid());
    const Secret secret = Secret::random();
    secret.write(path);
    EXPECT_EQ(std::memcmp(Secret::read(path).data(), secret.data(), Secret::size), 0);
    EXPECT_THROW(secret.write(path), system::SystemError);  // there is one already
    ::chmod(path.c_str(), 0640);
    EXPECT_THROW(Secret::read(path), std::invalid_argument);
    ::chmod(path.c_str(), 0600);
    ::truncate(path.c_str(), 31);
    EXPECT_THROW(Secret::read(path), std::invalid_argument);
    ::unlink(path.c_str());
    EXPECT_THROW(Secret::read(path), system::SystemError);
}

}  // namespace
}  // namespace haid::nodes
