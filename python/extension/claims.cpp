#include "claims.hpp"

#include "process_identity.hpp"

namespace haid::python {
namespace {

namespace nb = nanobind;

// Somebody counts what its owner had. Who is killed there leaves a place that nobody uses any more.
constexpr std::uint64_t being_cleared = ~std::uint64_t{0};

constexpr std::uint64_t name_of(const ProcessIdentity& process) {
    return process.start << 32 | process.pid;
}

bool has_ended(std::uint64_t owner) {
    const auto pid = static_cast<std::uint32_t>(owner);
    const std::optional<std::uint64_t> start = start_of_process(pid);
    return !start || name_of({pid, *start}) != owner;
}

}  // namespace

bool Claims::found_new_place(std::uint64_t me) {
    for (Entry* entry = table(); entry != table() + entries; ++entry) {
        std::uint64_t nobody = 0;
        if (!entry->owner.compare_exchange_strong(nobody, me)) continue;
        mine_ = entry;
        return true;
    }
    return false;
}

Claims::Entry* Claims::mine() {
    const std::uint64_t me = name_of(self());
    if (owner_ == me) return mine_;
    mine_ = nullptr;
    owner_ = me;
    if (found_new_place(me)) return mine_;
    for (Entry* entry = table(); entry != table() + entries; ++entry) {
        // Those who had nothing make room; what the others had is not ours to give back.
        std::uint64_t owner = entry->owner;
        if (entry->count != 0 || owner == 0 || owner == being_cleared || !has_ended(owner)) continue;
        if (entry->owner.compare_exchange_strong(owner, me)) {
            mine_ = entry;
            break;
        }
    }
    return mine_;
}

void Claims::take() {
    if (Entry* entry = mine()) ++entry->count;
}

void Claims::drop() {
    Entry* entry = mine();
    if (entry == nullptr) return;
    std::int64_t count = entry->count;
    while (count > 0 && !entry->count.compare_exchange_weak(count, count - 1)) {
    }
}

std::int64_t Claims::ended() {
    const std::uint64_t me = name_of(self());
    std::int64_t sum = 0;
    for (Entry* entry = table(); entry != table() + entries; ++entry) {
        std::uint64_t owner = entry->owner;
        if (owner == 0 || owner == being_cleared || owner == me || !has_ended(owner)) continue;
        if (!entry->owner.compare_exchange_strong(owner, being_cleared)) continue;
        sum += entry->count.exchange(0);
        entry->owner = 0;
    }
    return sum;
}

void define_claims(nb::module_& module) {
    nb::class_<Claims>(module, "Claims")
        .def(nb::init<>())
        .def("take", &Claims::take)
        .def("drop", &Claims::drop)
        .def("ended", &Claims::ended);
}

}  // namespace haid::python
