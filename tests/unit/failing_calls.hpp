// System calls that fail when a test wants them to, whichever room makes them; no product code knows of it. The linker
// puts functions of ours in the place of libc's in this program (--wrap; the list is system_calls.def): what libc and
// libstdc++ call for themselves does not come by, but for pthread_create.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstddef>
#include <optional>

namespace haid {

#define HAID_CALL(name, result, parameters, arguments) name,
#define HAID_CALL_OF_ALL HAID_CALL
enum class SystemCall {
#include "system_calls.def"
    count
};
#undef HAID_CALL

const char* name_of(SystemCall call);

// From its construction on, until it is destroyed, some of the calls fail. One at a time for each call; the calls
// themselves may come from any thread, and from any process that is forked meanwhile: all count together.
class FailingCall {
  public:
    static constexpr int always = INT_MAX;
    enum class Where { anywhere, here, children };  // here: in the process that has made this object
    struct Which {
        int skip = 0;   // so many do what they do, then
        int times = 1;  // so many fail
        Where where = Where::anywhere;
        std::optional<long> first = std::nullopt;  // only those whose first argument is this: a descriptor, a number
        bool of_files = false;                     // only those whose first argument is a descriptor of a regular file
    };

    FailingCall(SystemCall call, int error, Which which);
    FailingCall(SystemCall call, int error) : FailingCall(call, error, Which{}) {}
    ~FailingCall();
    FailingCall(const FailingCall&) = delete;
    FailingCall& operator=(const FailingCall&) = delete;

    int failed() const;  // how many have

  private:
    SystemCall call_;
};

template <SystemCall call>
struct SignatureOf;
#define HAID_CALL(name, result, parameters, arguments) \
    template <>                                        \
    struct SignatureOf<SystemCall::name> {             \
        using type = result parameters;                \
    };
#include "system_calls.def"
#undef HAID_CALL
#undef HAID_CALL_OF_ALL

// As long as it lives the function is called in place of the call, in this process and in those forked meanwhile. What
// it calls itself is the real one.
template <SystemCall call>
class CallInstead {
  public:
    using Function = typename SignatureOf<call>::type;
    explicit CallInstead(Function* function) { current = function; }
    ~CallInstead() { current = nullptr; }
    CallInstead(const CallInstead&) = delete;
    CallInstead& operator=(const CallInstead&) = delete;

    static inline std::atomic<Function*> current = nullptr;
};

}  // namespace haid
