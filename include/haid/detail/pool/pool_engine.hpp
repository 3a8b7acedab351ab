// What a pool owns. Not for users.
#pragma once

#include <memory>

#include "haid/detail/pool/call.hpp"

namespace haid::detail {

// What a pool knows of an imap that is under way.
class ImapReader {
  public:
    virtual ~ImapReader() = default;
    // All of its input that was not read yet.
    virtual void read_all() = 0;
};

// The engine of one pool, and the imaps that its join() has to wait for. Thread-safe but for its own moving. One that
// was moved from throws Error.
class PoolEngine {
  public:
    explicit PoolEngine(std::unique_ptr<Engine> engine);
    PoolEngine(PoolEngine&& other) noexcept;
    // What was here is ended.
    PoolEngine& operator=(PoolEngine&& other) noexcept;
    // Ends the workers, unless this is a child of the process whose engine it is.
    ~PoolEngine();

    Engine& engine() const { return *shared(); }
    // For what may outlive the pool.
    const std::shared_ptr<Engine>& shared() const;

    void remember(std::weak_ptr<ImapReader> reader) const;
    // Has the imaps read all of their input, then waits for the engine's end.
    void join() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace haid::detail
