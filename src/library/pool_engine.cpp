#include "haid/detail/pool/pool_engine.hpp"

#include <mutex>
#include <utility>
#include <vector>

#include "haid/error.hpp"

namespace haid::detail {

struct PoolEngine::State {
    std::shared_ptr<Engine> engine;
    std::mutex mutex;
    std::vector<std::weak_ptr<ImapReader>> readers;  // guarded by the mutex
};

PoolEngine::PoolEngine(std::unique_ptr<Engine> engine) : state_(std::make_unique<State>()) {
    state_->engine = owned(std::move(engine));
}
PoolEngine::PoolEngine(PoolEngine&& other) noexcept = default;

PoolEngine& PoolEngine::operator=(PoolEngine&& other) noexcept {
    if (this == &other) return *this;
    const PoolEngine ended(std::move(*this));
    state_ = std::move(other.state_);
    return *this;
}

PoolEngine::~PoolEngine() {
    try {
        if (state_) engine().terminate();
    } catch (const Error&) {
        // In a child of the process whose engine it is: nothing here is to be ended.
    }
}

const std::shared_ptr<Engine>& PoolEngine::shared() const {
    if (!state_) throw Error("this pool was moved from: it has no workers");
    return state_->engine;
}

void PoolEngine::remember(std::weak_ptr<ImapReader> reader) const {
    const std::lock_guard guard(state_->mutex);
    std::erase_if(state_->readers, [](const auto& one) { return one.expired(); });
    state_->readers.push_back(std::move(reader));
}

void PoolEngine::join() const {
    Engine& joined = engine();
    std::vector<std::weak_ptr<ImapReader>> readers;
    {
        const std::lock_guard guard(state_->mutex);
        readers.swap(state_->readers);
    }
    for (auto& weak : readers) {
        if (auto reader = weak.lock()) reader->read_all();
    }
    joined.join();
}

}  // namespace haid::detail
