#include "failing_calls.hpp"

#include <dlfcn.h>

#include <cerrno>
#include <cstdlib>
#include <new>
#include <type_traits>

// A child that is being spawned borrows the stack of its parent's (system/spawn.cpp).
#if defined(__SANITIZE_ADDRESS__)
#define HAID_BORROWS_MEMORY __attribute__((no_sanitize("address")))
#else
#define HAID_BORROWS_MEMORY
#endif

extern "C" int __real_fstat(int fd, struct stat* status);  // NOLINT(bugprone-reserved-identifier): the linker's name

namespace haid {
namespace {

// What is to fail of a call, in memory that all processes share.
struct Order {
    std::atomic<int> error;  // 0: nothing; written last
    std::atomic<int> skip;
    std::atomic<int> times;
    std::atomic<int> seen;  // calls that were meant
    std::atomic<FailingCall::Where> where;
    std::atomic<pid_t> owner;
    std::atomic<bool> any;  // whatever its first argument is
    std::atomic<long> first;
    std::atomic<bool> of_files;
};

std::atomic<Order*> orders = nullptr;  // one for each call; none until the first is given

Order& order_for(SystemCall call) {
    if (orders == nullptr) {
        void* memory = ::mmap(nullptr, sizeof(Order) * static_cast<std::size_t>(SystemCall::count),
                              PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) std::abort();
        orders = static_cast<Order*>(memory);  // zero pages are orders of nothing
    }
    return orders[static_cast<std::size_t>(call)];
}

bool is_file(int fd) {
    struct stat status {};
    return __real_fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

HAID_BORROWS_MEMORY bool is_meant(const Order& order, long first) {
    if (!order.any && order.first != first) return false;
    if (order.of_files && !is_file(static_cast<int>(first))) return false;
    const FailingCall::Where where = order.where;
    return where == FailingCall::Where::anywhere || (where == FailingCall::Where::here) == (order.owner == ::getpid());
}

// The error with which the call is to fail now; 0: it is not.
HAID_BORROWS_MEMORY int wanted_error(SystemCall call, long first) {
    Order* all = orders.load(std::memory_order_relaxed);
    if (all == nullptr) return 0;
    Order& order = all[static_cast<std::size_t>(call)];
    const int error = order.error;
    if (error == 0 || !is_meant(order, first)) return 0;
    const int before = order.seen++ - order.skip;
    return before >= 0 && before < order.times ? error : 0;
}

template <class Argument, class... Others>
HAID_BORROWS_MEMORY long first_of(Argument argument, Others...) {
    if constexpr (std::is_pointer_v<Argument>) {
        return 0;
    } else {
        return static_cast<long>(argument);
    }
}
long first_of() {
    return 0;
}

template <class Result>
Result failure() {
    if constexpr (std::is_same_v<Result, void*>) {
        return MAP_FAILED;
    } else if constexpr (std::is_pointer_v<Result>) {
        return nullptr;
    } else {
        return -1;
    }
}

// In a function that stands in for a call.
thread_local bool in_place_of_another = false;

}  // namespace

#define HAID_CALL(name, result, parameters, arguments) #name,
#define HAID_CALL_OF_ALL HAID_CALL
const char* name_of(SystemCall call) {
    static constexpr const char* names[] = {
#include "system_calls.def"
    };
    return names[static_cast<std::size_t>(call)];
}
#undef HAID_CALL
#undef HAID_CALL_OF_ALL

FailingCall::FailingCall(SystemCall call, int error, Which which) : call_(call) {
    Order& order = order_for(call);
    if (order.error != 0) std::abort();  // one at a time
    order.skip = which.skip;
    order.times = which.times;
    order.seen = 0;
    order.where = which.where;
    order.owner = ::getpid();
    order.any = !which.first;
    order.first = which.first.value_or(0);
    order.of_files = which.of_files;
    order.error = error;
}

FailingCall::~FailingCall() {
    order_for(call_).error = 0;
}

int FailingCall::failed() const {
    const Order& order = order_for(call_);
    const int after = order.seen - order.skip;
    return after < 0 ? 0 : after < order.times ? after : order.times.load();
}

}  // namespace haid

// NOLINTBEGIN(bugprone-reserved-identifier,bugprone-macro-parentheses): the linker's names, and lists of parameters
extern "C" {
#define HAID_CALL(name, result, parameters, arguments)                                                      \
    result __real_##name parameters;                                                                        \
    HAID_BORROWS_MEMORY result __wrap_##name parameters {                                                   \
        if (const int error = haid::wanted_error(haid::SystemCall::name, haid::first_of arguments)) {       \
            errno = error;                                                                                  \
            return haid::failure<result>();                                                                 \
        }                                                                                                   \
        auto* instead = haid::CallInstead<haid::SystemCall::name>::current.load(std::memory_order_relaxed); \
        if (instead == nullptr || haid::in_place_of_another) return __real_##name arguments;                \
        haid::in_place_of_another = true;                                                                   \
        const auto given = instead arguments;                                                               \
        haid::in_place_of_another = false;                                                                  \
        return given;                                                                                       \
    }
#define HAID_CALL_OF_ALL(name, result, parameters, arguments)                                       \
    result name parameters {                                                                        \
        static const auto real = reinterpret_cast<result(*) parameters>(::dlsym(RTLD_NEXT, #name)); \
        const int error = haid::wanted_error(haid::SystemCall::name, haid::first_of arguments);     \
        return error != 0 ? error : real arguments;                                                 \
    }
#include "system_calls.def"
}
// NOLINTEND(bugprone-reserved-identifier,bugprone-macro-parentheses)
