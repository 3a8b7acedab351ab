#include "remote/host.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "nodes/calling.hpp"
#include "nodes/lease.hpp"
#include "nodes/secret.hpp"
#include "process/guard.hpp"
#include "remote/relay.hpp"
#include "system/error.hpp"
#include "system/signals.hpp"
#include "system/tell.hpp"
#include "system/thread.hpp"
#include "system/timer.hpp"

namespace haid::remote {
namespace {

using system::Clock;

constexpr std::chrono::milliseconds tick_every{500};
// What was said last is sent for so long.
constexpr std::chrono::seconds last_words_take{5};

// What is ended by the guard is done elsewhere: nobody is to tell of a worker that has ended before this process.
const process::Ladder without_a_word = {{SIGKILL, std::chrono::milliseconds(25)}};

// A thread listens to the pool and shows it that this host lives, whatever the others do: the one that makes the engine
// (which may import for a minute), and the engine's own, which tells results.
//
// Where the whole process is stopped, its guard ends it and its workers when the lease has passed.
//
// Locks: the engine's before this one's, never the other way round.
class Host final : private nodes::Connection::Listener {
  public:
    Host(const Summons& summons, const std::string& build)
        : node_(nodes::this_node()),
          secret_(nodes::Secret::read(summons.secret_file)),
          life_(Clock::now()),
          guard_(without_a_word, {}, life_.lease_end()) {
        ::setpgid(0, 0);  // the guard ends whole groups
        guard_.record(guard_.enlist())->store(::getpid());
        nodes::Connection::Listener& listener = *this;
        connection_.emplace(loop_, nodes::connect_to_any(nodes::split_addresses(summons.addresses)), secret_,
                            nodes::Connection::Side::agent, listener);
        ticker_.emplace(loop_, tick_every, [this] { tick(); });
        connection_->send(OfHost(nodes::Hello{protocol_version, HAID_VERSION, build, node_, ::getpid()}));
        listening_ = system::start_thread("what the pool says", [this] { listen(); });
    }
    ~Host() override {
        try {
            std::lock_guard guard(mutex_);
            done_ = true;
            connection_->send(OfHost(nodes::Beat{0}));  // wakes the thread
        } catch (...) {
            // It wakes with the next tick.
        }
        listening_.join();
    }

    int run(const MakeEngine& make_engine) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return description_ || end_; });
        if (!end_) {
            const Bytes description = std::move(*description_);
            lock.unlock();
            try {
                std::shared_ptr<detail::Engine> made = make_engine(description);
                lock.lock();
                engine_ = std::move(made);
                say(Ready{engine_->workers()});
                changed_.notify_all();
            } catch (...) {
                if (!lock.owns_lock()) lock.lock();
                say(Broken{bytes_of(std::current_exception())});
            }
        }
        changed_.wait(lock, [this] { return end_.has_value(); });
        const End end = *end_;
        std::shared_ptr<detail::Engine> engine = engine_;
        lock.unlock();
        if (engine) {
            if (end == End::in_order) {
                engine->close();
            } else {
                engine->terminate();
            }
            engine->join();
        }
        if (end != End::gone) return 0;
        // Where Slurm has ended the pool it ends this process, too: no fault worth a word.
        std::this_thread::sleep_for(nodes::told_by_then);
        system::tell("haid: pool on {}: {}\n", node_, why_);
        return 1;
    }

  private:
    enum class End { in_order, at_once, gone };

    // -- the thread that listens; the loop is used with the lock held

    void listen() {
        std::optional<system::Time> last_words;
        for (;;) {
            pollfd ready{loop_.fd(), POLLIN, 0};
            const int timeout = last_words ? 50 : -1;
            system::uninterrupted([&] { return ::poll(&ready, 1, timeout); });
            std::vector<OfPool> came;
            {
                std::lock_guard guard(mutex_);
                try {
                    loop_.wait(Clock::now());
                } catch (const std::exception& error) {
                    leave(End::gone, error.what());
                }
                came = std::exchange(came_, {});
                if (done_ && !last_words) last_words = Clock::now() + last_words_take;
                if (last_words && (!connected_ || connection_->waiting() == 0 || Clock::now() > *last_words)) return;
            }
            for (OfPool& message : came) std::visit([this](auto& one) { take(one); }, message);
        }
    }

    void on_messages(Decoder& from) override {
        nodes::for_each_message<OfPool>(from, [this](OfPool&& message) {
            came_.push_back(std::move(message));
            return true;
        });
    }
    void on_closed(const std::string& reason) override {
        connected_ = false;
        leave(End::gone, fmt::format("the pool is gone: {}", reason));
    }
    void tick() {
        if (life_.lapsed(Clock::now())) {
            leave(End::gone, fmt::format("not a word of the pool for {} s", nodes::lease.count()));
        }
        std::uint64_t number = 0;
        if (life_.due(Clock::now(), number)) connection_->send(OfHost(nodes::Beat{number}));
    }
    void leave(End end, const std::string& why = {}) {
        if (end_) return;
        end_ = end;
        why_ = why;
        changed_.notify_all();
    }

    // -- what the pool says; without the lock

    void take(const nodes::Refused& refused) {
        std::lock_guard guard(mutex_);
        leave(End::gone, fmt::format("the pool has no work for it: {}", refused.reason));
    }
    void take(const nodes::Beat& beat) {
        std::lock_guard guard(mutex_);
        if (life_.answered(beat.number)) guard_.set_lease(life_.lease_end());
    }
    void take(Welcome& welcome) {
        pieces_.complete(welcome.description);
        std::lock_guard guard(mutex_);
        description_ = std::move(welcome.description);
        changed_.notify_all();
    }
    void take(Piece& piece) { pieces_.add(std::move(piece)); }
    void take(Open& open) {
        pieces_.complete(open.common);
        const std::uint64_t number = open.call;
        auto relay = std::make_shared<Relay>(std::move(open), [this](OfHost&& message) {
            std::lock_guard guard(mutex_);
            say(std::move(message));
        });
        relays_.emplace(number, relay);
        with_engine([&](detail::Engine& engine, detail::Engine::Lock& lock) {
            engine.submit(lock, relay, detail::Engine::Driver::background);
        });
    }
    void take(Items& items) {
        pieces_.complete(items.input);
        with_relay(items.call, [&](detail::Engine& engine, detail::Engine::Lock& lock, Relay& relay) {
            relay.add(std::move(items));
            engine.refill(lock, relay);
        });
    }
    void take(const Close& close) {
        with_relay(close.call, [&](detail::Engine& engine, detail::Engine::Lock& lock, Relay& relay) {
            relay.close();
            engine.refill(lock, relay);
        });
        relays_.erase(close.call);
    }
    void take(const Cancel& cancel) {
        with_relay(cancel.call, [&](detail::Engine& engine, detail::Engine::Lock& lock, Relay& relay) {
            if (cancel.stop) {
                engine.stop(lock, relay);
            } else {
                engine.cancel(lock, relay);
            }
        });
    }
    void take(const Goodbye& goodbye) {
        std::lock_guard guard(mutex_);
        leave(goodbye.at_once ? End::at_once : End::in_order);
    }

    template <class Use>
    void with_engine(Use use) {
        std::shared_ptr<detail::Engine> engine;
        {
            std::lock_guard guard(mutex_);
            engine = engine_;
        }
        if (!engine) return;
        detail::Engine::Lock lock = engine->lock();
        try {
            use(*engine, lock);
        } catch (...) {
            // The engine cannot go on: what every call is told.
            std::lock_guard guard(mutex_);
            say(Broken{bytes_of(std::current_exception())});
        }
    }
    template <class Use>
    void with_relay(std::uint64_t number, Use use) {
        auto found = relays_.find(number);
        if (found == relays_.end()) return;
        const std::shared_ptr<Relay> relay = found->second;
        with_engine([&](detail::Engine& engine, detail::Engine::Lock& lock) {
            if (!engine.finished(lock, *relay)) use(engine, lock, *relay);
        });
    }

    // -- with the lock

    void say(OfHost&& message) {
        std::visit([this](auto& one) { send(std::move(one)); }, message);
    }
    template <class Message>
    void send(Message message) {
        if constexpr (requires { message.bytes; }) {
            send_in_pieces<OfHost>(*connection_, std::move(message), &Message::bytes);
        } else if constexpr (requires { message.error; }) {
            send_in_pieces<OfHost>(*connection_, std::move(message), &Message::error);
        } else {
            connection_->send(OfHost(std::move(message)));
        }
    }

    std::string node_;
    nodes::Secret secret_;
    std::mutex mutex_;
    std::condition_variable changed_;
    system::EventLoop loop_;
    std::optional<nodes::Connection> connection_;
    std::optional<system::Ticker> ticker_;
    nodes::SignsOfLife life_;
    process::Guard guard_;
    bool connected_ = true;
    bool done_ = false;
    std::vector<OfPool> came_;
    std::optional<Bytes> description_;
    std::shared_ptr<detail::Engine> engine_;
    std::optional<End> end_;
    std::string why_;
    // Of the thread that listens.
    Pieces pieces_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Relay>> relays_;
    std::thread listening_;
};

}  // namespace

std::optional<Summons> take_summons() {
    const char* text = ::getenv(host_variable);
    if (text == nullptr) return std::nullopt;
    const std::string all = text;
    ::unsetenv(host_variable);
    const std::size_t space = all.find(' ');
    if (space == std::string::npos) return std::nullopt;
    return Summons{all.substr(0, space), all.substr(space + 1)};
}

int run_host(const Summons& summons, const std::string& build, const MakeEngine& make_engine) {
    try {
        return Host(summons, build).run(make_engine);
    } catch (const std::exception& error) {
        system::tell("haid: pool on {}: {}\n", nodes::this_node(), error.what());
        return 1;
    }
}

}  // namespace haid::remote
