#include "engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "gil.hpp"
#include "objects.hpp"
#include "pool/options.hpp"
#include "remote/build.hpp"
#include "remote/engine.hpp"
#include "remote/host.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;

// For what only the process that made it may end. Elsewhere it is left as it is: what threads of the other process wait
// for cannot be destroyed in a copy of it, where they do not exist.
class InThisProcess {
  public:
    bool is_it() const { return ::getpid() == pid_; }

  private:
    pid_t pid_ = ::getpid();
};

// Pickles and functions by name mean the same only in the same Python.
std::string this_build() {
    return remote::this_build() + " for Python " PY_VERSION;
}

// Ending an engine waits for threads that may want the GIL.
void end(detail::Engine* engine, InThisProcess made) {
    if (!Py_IsInitialized() || !made.is_it()) return;
    WithoutGil without_gil;
    delete engine;
}

// Throws what Python raises for a name that there is not, and for a number that is none.
PoolOptions pool_options(const nb::dict& options) {
    PoolOptions result;
    std::size_t taken = 0;
    pool::for_each_number([&](const char* name, auto member, const pool::NumberRule&) {
        if (!options.contains(name)) return;
        if (!nb::try_cast(options[name], result.*member)) {
            throw std::invalid_argument(std::string("a pool's `") + name + "` cannot be " +
                                        nb::repr(options[name]).c_str());
        }
        ++taken;
    });
    if (taken != options.size()) throw nb::key_error("an option that a pool has not");
    return result;
}

std::chrono::nanoseconds nanoseconds(double seconds) {
    return detail::nanoseconds_in(std::chrono::duration<double>(seconds));
}

}  // namespace

// Calls that have finished, for a thread that waits for any of them.
class Completions {
  public:
    void add(std::uint64_t call) {
        std::lock_guard lock(mutex_);
        calls_.push_back(call);
        changed_.notify_one();
    }
    std::vector<std::uint64_t> take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopped_ || !calls_.empty(); });
        return std::exchange(calls_, {});
    }
    void stop() {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        changed_.notify_one();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::uint64_t> calls_;
    bool stopped_ = false;
};

namespace {

std::shared_ptr<Completions> make_completions() {
    return {new Completions, [made = InThisProcess()](Completions* completions) {
                if (made.is_it()) delete completions;
            }};
}

}  // namespace

Engine::Engine(const nb::dict& options, nb::object start, nb::object leave, nb::object live, bool has_initializer,
               std::optional<std::vector<std::string>> program, std::vector<int> descriptors)
    : completions_(make_completions()) {
    detail::EngineOptions settings{
        .pool = pool_options(options),
        .hooks = worker_hooks(std::move(start), std::move(leave), std::move(live), has_initializer)};
    if (program) {
        settings.program =
            std::make_shared<detail::WorkerProgram>(detail::WorkerProgram{std::move(*program), std::move(descriptors)});
    }
    // Every worker ends this on its side: see worker_hooks.
    PyOS_BeforeFork();
    try {
        engine_ = {detail::Engine::of_processes(settings).release(),
                   [made = InThisProcess()](detail::Engine* engine) { end(engine, made); }};
    } catch (...) {
        PyOS_AfterFork_Parent();
        throw;
    }
    PyOS_AfterFork_Parent();
}

namespace {

// Ctrl-C, above all.
void hear_signals() {
    nb::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

}  // namespace

Engine::Engine(std::vector<std::string> command, const nb::bytes& description, const std::string& nodes)
    : completions_(make_completions()) {
    const auto* bytes = reinterpret_cast<const std::byte*>(description.c_str());
    const remote::EngineSettings settings{
        remote::plan_for(nodes), std::move(command), this_build(), {bytes, bytes + description.size()}};
    WithoutGil without_gil;
    engine_ = {remote::make_engine(settings, hear_signals).release(),
               [made = InThisProcess()](detail::Engine* engine) { end(engine, made); }};
}

std::shared_ptr<Call> Engine::call(const nb::bytes& function, std::uint64_t number, Spread spread, Order order,
                                   nb::object input, std::size_t bound, double timeout, std::uint32_t retries,
                                   double backoff, bool in_background, std::optional<std::uint64_t> completion,
                                   std::uint64_t first_index) {
    detail::Limits limits;
    limits.timeout = detail::limit_of(nanoseconds(timeout));
    limits.retries = retries;
    limits.backoff = detail::pause_of(nanoseconds(backoff));
    limits.first_index = first_index;
    auto bytes = std::make_shared<BytesCall>(limits, &run_items, encode_function(number, spread, function));
    if (completion) {
        bytes->when_finished([completions = completions_, finished = *completion] { completions->add(finished); });
    }
    const auto driver = in_background ? detail::Engine::Driver::background : detail::Engine::Driver::waiting;
    auto made = std::make_shared<Call>(engine_, bytes, driver, order,
                                       Call::Input{std::move(input), spread == Spread::tuple, bound});
    remember(calls_, bytes);
    if (order != Order::whole) remember(lazy_calls_, bytes);
    if (order != Order::whole && bound > 0) remember(reading_calls_, bytes);
    return made;
}

std::vector<std::uint64_t> Engine::completed() {
    WithoutGil without_gil;
    return completions_->take();
}

void Engine::stop_telling() {
    completions_->stop();
}

int Engine::workers() {
    WithoutGil without_gil;
    return engine_->workers();
}

std::vector<int> Engine::worker_pids() {
    WithoutGil without_gil;
    return engine_->worker_pids();
}

void Engine::close() {
    WithoutGil without_gil;
    engine_->close();
}

void Engine::join() {
    while (!all_finished_within(look_for_signals)) {
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
    }
    WithoutGil without_gil;
    engine_->join();
}

void Engine::terminate() {
    WithoutGil without_gil;
    engine_->terminate();
}

void Engine::remember(Calls& calls, const std::shared_ptr<BytesCall>& call) {
    if (calls.size() == calls.capacity()) std::erase_if(calls, [](const auto& one) { return one.expired(); });
    calls.push_back(call);
}

// The calls are copied, for another thread may make one meanwhile.
template <class Action>
void Engine::for_unfinished(const Calls& calls, Action action) {
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the GIL guards them, and is let go
    const Calls now = calls;
    WithoutGil without_gil;
    auto lock = engine_->lock();
    for (const auto& one : now) {
        auto call = one.lock();
        if (call && !call->is_finished()) action(lock, *call);
    }
}

void Engine::end_inputs() {
    for_unfinished(reading_calls_, [this](detail::Engine::Lock& lock, BytesCall& call) {
        call.end_of_input();
        engine_->refill(lock, call);
    });
}

void Engine::give_up_lazy_calls() {
    for_unfinished(lazy_calls_, [this](detail::Engine::Lock& lock, BytesCall& call) {
        call.want_what_had_begun();
        engine_->cancel(lock, call);
    });
}

bool Engine::all_finished_within(std::chrono::milliseconds time) {
    WithoutGil without_gil;
    auto lock = engine_->lock();
    auto finished = [](const std::weak_ptr<BytesCall>& one) {
        auto call = one.lock();
        return !call || call->is_finished();
    };
    return engine_->wait(
        lock, [&] { return std::all_of(calls_.begin(), calls_.end(), finished); }, detail::Clock::now() + time);
}

void check_pool(const nb::dict& options) {
    pool::check(pool_options(options));
}

bool spans_nodes(const std::string& nodes) {
    return remote::spans_nodes(nodes);
}

int serve(const nb::object& make) {
    const auto summons = remote::take_summons();
    if (!summons) throw Error("this program was not started by a pool over nodes");
    nb::object made;
    WithoutGil without_gil;
    return remote::run_host(*summons, this_build(), [&](const remote::Bytes& description) {
        WithGil gil;
        try {
            made = make(nb::bytes(description.data(), description.size()));
            return nb::cast<Engine&>(made).shared();
        } catch (const nb::python_error& error) {
            std::rethrow_exception(error_of(error));
        }
    });
}

}  // namespace haid::python
