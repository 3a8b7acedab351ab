// without_syscall NAME ERRNO PROGRAM [ARGUMENT…]: runs the program with a system call that always fails, as on a kernel
// that is older, or on a machine that has run out of something. The filter (seccomp(2)) is inherited by everything it
// starts.

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Named {
    const char* name;
    long number;
};

constexpr Named calls[] = {{"pidfd_open", SYS_pidfd_open}, {"clone3", SYS_clone3},     {"close_range", SYS_close_range},
                           {"splice", SYS_splice},         {"sendfile", SYS_sendfile}, {"setsid", SYS_setsid},
                           {"clone", SYS_clone},           {"vfork", SYS_vfork}};
constexpr Named errors[] = {{"ENOSYS", ENOSYS}, {"EAGAIN", EAGAIN}, {"EINVAL", EINVAL}, {"EPERM", EPERM}};

template <std::size_t size>
long find(const Named (&table)[size], const char* name) {
    for (const Named& entry : table) {
        if (std::strcmp(entry.name, name) == 0) return entry.number;
    }
    std::fprintf(stderr, "without_syscall: unknown name %s\n", name);
    std::exit(125);
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 4) return 125;
    auto call = static_cast<unsigned>(find(calls, arguments[1]));
    auto error = static_cast<unsigned>(find(errors, arguments[2]));
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program{sizeof filter / sizeof filter[0], filter};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        std::perror("without_syscall: seccomp");
        return 125;
    }
    ::execvp(arguments[3], arguments + 3);
    std::perror(arguments[3]);
    return 125;
}
