// Whatever a host of a pool says that knows the run's secret: the pool's coordinator takes it, or closes the
// connection; each item comes to one end.
//
// Messages of remote::OfHost; calls count from the input's own, 0. Behind the last whole one: bytes.
#include <memory>
#include <string>
#include <type_traits>

#include "caller.hpp"
#include "remote/coordinator.hpp"
#include "twenty_items.hpp"

namespace {

using namespace haid;
using fuzz::expect;

struct Pool {
    Pool() : coordinator(loop, place.plan(), {"host"}, {}, {}) { place.find(); }

    fuzz::MeetingPlace place;
    system::EventLoop loop;
    remote::Coordinator coordinator;
    std::size_t called = 0;
    std::uint64_t calls = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static std::unique_ptr<Pool> only;
    if (only && (only->called == fuzz::MeetingPlace::nodes - 1 || only->coordinator.broken())) only.reset();
    if (!only) only = std::make_unique<Pool>();
    Pool& at = *only;
    fuzz::Caller<remote::OfHost, remote::OfPool> host(at.loop, at.place, at.called++, remote::protocol_version);
    host.send(remote::OfHost(remote::Ready{2}));
    if (!host.heard()) return 0;
    const std::uint64_t own_call = ++at.calls;
    const auto call = std::make_shared<fuzz::TwentyItems>(false);
    at.coordinator.add(call);
    fuzz::for_each_said<remote::OfHost>(std::as_bytes(std::span(data, size)), [&](auto& message) {
        if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(message)>, fuzz::Raw>) {
            std::visit(
                [&](auto& one) {
                    if constexpr (requires { one.call; }) one.call += own_call;
                },
                message);
        }
        host.send(message);
        return true;
    });
    host.heard();
    at.coordinator.abort_all(std::make_exception_ptr(Error("the input is over")));
    expect(at.coordinator.idle());
    return 0;
}
