#include "channel/attention.hpp"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "system/error.hpp"

namespace haid::channel {
namespace {

constexpr std::chrono::microseconds nap{100};

void write_event(int event) {
    std::uint64_t one = 1;
    // It fails only where it is set already.
    [[maybe_unused]] ssize_t size = system::uninterrupted([&] { return ::write(event, &one, sizeof one); });
}

}  // namespace

std::optional<ParentBell::File> ParentBell::file_of(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return std::nullopt;
    return File{status.st_dev, status.st_ino};
}

ParentBell::ParentBell(Segment& segment, int event)
    : parent_(segment.header().parent), event_(event), file_(file_of(event)) {}

void ParentBell::ring(bool urgent) {
    std::uint32_t how = parent_.load(std::memory_order_seq_cst);
    if (how == awake || (how == napping && !urgent)) return;
    lost_ = !file_ || file_of(event_) != file_;
    // Whoever can wake it must find that it is to be woken.
    if (lost_) return;
    if (parent_.exchange(awake) != awake) write_event(event_);
}

ParentSleep::ParentSleep(Segment& segment)
    : parent_(segment.header().parent),
      event_(system::check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "cannot make an event descriptor")) {}

void ParentSleep::interrupt() {
    // Always: it may be about to sleep, and has looked already.
    write_event(event_.get());
}

void ParentSleep::sleep(std::vector<pollfd>& others, std::optional<system::Time> until,
                        const std::function<bool()>& nothing_new) {
    system::Time end_of_nap = system::Clock::now() + nap;
    bool nap_is_all = until && *until <= end_of_nap;
    if (sleep_as(napping, others, nap_is_all ? *until : end_of_nap, nothing_new) == Ended::news || nap_is_all) return;
    sleep_as(asleep, others, until, nothing_new);
}

ParentSleep::Ended ParentSleep::sleep_as(std::uint32_t how, std::vector<pollfd>& others,
                                         std::optional<system::Time> until, const std::function<bool()>& nothing_new) {
    parent_.store(how, std::memory_order_seq_cst);
    Ended ended = Ended::news;
    if (nothing_new()) {
        timespec left{};
        if (until) {
            auto time = std::max<system::Duration>(*until - system::Clock::now(), system::Duration::zero());
            left.tv_sec = std::chrono::floor<std::chrono::seconds>(time).count();
            left.tv_nsec = std::chrono::nanoseconds(time).count() % 1'000'000'000;
        }
        others.push_back({event_.get(), POLLIN, 0});
        int ready = ::ppoll(others.data(), others.size(), until ? &left : nullptr, nullptr);
        bool rung = ready > 0 && others.back().revents != 0;
        others.pop_back();
        if (rung) {
            std::uint64_t count;
            [[maybe_unused]] ssize_t size = ::read(event_.get(), &count, sizeof count);
        }
        if (ready == 0) ended = Ended::time;  // where it fails, all that could have happened is looked at again
    }
    parent_.store(awake, std::memory_order_seq_cst);
    return ended;
}

}  // namespace haid::channel
