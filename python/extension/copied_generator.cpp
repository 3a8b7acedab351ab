#include "copied_generator.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "objects.hpp"
#include "system/error.hpp"
#include "system/shared_table.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;
using Clock = std::chrono::steady_clock;

// What a BitGenerator's capsule holds (numpy/random/bitgen.h), …
struct Bitgen {
    void* state;
    std::uint64_t (*next_uint64)(void*);
    std::uint32_t (*next_uint32)(void*);
    double (*next_double)(void*);
    std::uint64_t (*next_raw)(void*);
};
// … and what that of an MT19937 has as its state.
struct State {
    std::uint32_t key[624];
    int position;

    bool operator==(const State& other) const {
        return position == other.position && std::memcmp(key, other.key, sizeof key) == 0;
    }
};

// Whoever draws as fast as can be takes so long for a number.
constexpr std::chrono::nanoseconds shortest_drawing{2};
// More are not drawn to find out: 30 ms.
constexpr std::uint64_t most_drawn = std::uint64_t{1} << 24;

struct Watched {
    nb::object generator;  // so that it stays
    const Bitgen* bitgen;
    State before;

    const State& now() const { return *static_cast<const State*>(bitgen->state); }
};

// A worker's own pools are no reason to look at anything else in it.
std::shared_ptr<Watched>& of_forks() {
    static auto& only = *new std::shared_ptr<Watched>;
    return only;
}
std::shared_ptr<Watched>& of_this_worker() {
    static auto& only = *new std::shared_ptr<Watched>;
    return only;
}
std::uint64_t items = 0, next_look = 1;
Clock::time_point looked_at;

// Of this program and all that it forks. nullptr: it cannot be had.
system::SharedTable* told() {
    static system::SharedTable* const only = []() -> system::SharedTable* {
        try {
            return new system::SharedTable(1);
        } catch (const system::SystemError&) {
            return nullptr;
        }
    }();
    return only;
}

// Whether drawing leads from the one to the other, and seeding does not.
bool was_drawn(const Watched& watched, std::uint64_t most) {
    State state = watched.before;
    const State& now = watched.now();
    for (std::uint64_t drawn = 0; drawn < most; ++drawn) {
        watched.bitgen->next_raw(&state);
        if (state == now) return true;
    }
    return false;
}

// Python's view of the state: where it is another one, what was seen was none.
bool is_seen_rightly(const Watched& watched) {
    nb::object state = watched.generator.attr("state")["state"];
    return nb::cast<int>(nb::int_(state["pos"])) == watched.now().position &&
           nb::cast<std::uint32_t>(nb::int_(state["key"][nb::int_(1)])) == watched.now().key[1];
}

}  // namespace

void watch_generator(nb::object generator) {
    of_forks().reset();
    if (generator.is_none() || told() == nullptr) return;
    if (!std::string_view(Py_TYPE(generator.ptr())->tp_name).ends_with("MT19937")) return;
    nb::object capsule = generator.attr("capsule");
    const auto* bitgen = static_cast<const Bitgen*>(PyCapsule_GetPointer(capsule.ptr(), "BitGenerator"));
    if (bitgen == nullptr) throw nb::python_error();
    of_forks() =
        std::make_shared<Watched>(Watched{std::move(generator), bitgen, *static_cast<const State*>(bitgen->state)});
}

void look_at_generator_from_now_on() {
    of_this_worker() = of_forks();
    const auto& watched = of_this_worker();
    if (!watched) return;
    items = 0;
    next_look = 1;
    looked_at = Clock::now();
    if (!(watched->now() == watched->before) || (*told())[0].load() != 0) of_this_worker().reset();
}

bool copied_generator_was_used() {
    std::shared_ptr<Watched>& place = of_this_worker();
    if (!place || ++items < next_look) return false;
    next_look *= 2;
    const auto before = std::exchange(looked_at, Clock::now());
    if (place->now() == place->before) return false;
    const std::shared_ptr<Watched> watched = std::move(place);
    const auto most = static_cast<std::uint64_t>((looked_at - before) / shortest_drawing);
    return was_drawn(*watched, std::min(most, most_drawn)) && is_seen_rightly(*watched) &&
           (*told())[0].exchange(1) == 0;
}

}  // namespace haid::python
