// Any bytes, decoded as many types: each is refused by DecodeError, or is a value that crosses.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "codec_values.hpp"
#include "haid/codec.hpp"

namespace {

using namespace haid::values;

template <class T>
void try_to_decode(std::span<const std::byte> bytes) {
    haid::Decoder from(bytes);
    try {
        const T value = haid::decode<T>(from);
        haid::BufferEncoder buffer;
        haid::encode(buffer, value);
        haid::Decoder again(buffer.bytes());
        static_cast<void>(haid::decode<T>(again));
        again.expect_end();
    } catch (const haid::DecodeError&) {
    }
}

template <class... T>
void try_one_of(std::size_t which, std::span<const std::byte> bytes) {
    std::size_t at = 0;
    static_cast<void>(((at++ == which % sizeof...(T) ? (try_to_decode<T>(bytes), true) : false) || ...));
}

void try_all(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    // The first byte says which type, so that the fuzzer can learn about each.
    try_one_of<Rich, Tree, Grid, Sample, std::vector<bool>, std::vector<std::string>,
               std::map<std::string, std::vector<std::variant<bool, std::string, Point>>>,
               std::unordered_map<int, std::list<Yes>>, std::forward_list<std::optional<std::string>>,
               std::vector<Flags>, std::deque<Nothing>, std::vector<std::vector<Nothing>>,
               std::tuple<std::bitset<3>, std::filesystem::path, std::u32string, Constant>,
               std::set<Secret, decltype([](const Secret& a, const Secret& b) { return a.text() < b.text(); })>,
               std::vector<std::unique_ptr<std::vector<Yes>>>, Wide>(static_cast<std::size_t>(bytes[0]),
                                                                     bytes.subspan(1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try_all(std::as_bytes(std::span(data, size)));
    return 0;
}
