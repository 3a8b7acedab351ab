// Any bytes, decoded as many types: each is refused by DecodeError, or is a value that crosses.
//
//     clang++-16 -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude -Itests/unit
//     tests/fuzz/decoder_fuzz.cpp
//
// With -DHAID_FUZZ_SEED=1, as CTest runs it, it is a program of its own, for compilers without libFuzzer: it changes
// encoded values at random, from that seed, as many times as its argument says.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
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

#ifdef HAID_FUZZ_SEED
int main(int count, char** arguments) {
    std::mt19937_64 random(HAID_FUZZ_SEED);
    const auto below = [&random](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
    haid::BufferEncoder buffer;
    haid::encode(buffer, rich());
    const std::vector<std::byte> value(buffer.bytes().begin(), buffer.bytes().end());
    const long rounds = count > 1 ? std::strtol(arguments[1], nullptr, 10) : 100'000;
    for (long round = 0; round < rounds; ++round) {
        std::vector<std::byte> bytes{static_cast<std::byte>(below(256))};
        const std::size_t begin = below(4) != 0 ? 0 : below(value.size());
        const std::size_t end = below(2) != 0 ? value.size() : begin + below(value.size() - begin);
        bytes.insert(bytes.end(), value.begin() + static_cast<std::ptrdiff_t>(begin),
                     value.begin() + static_cast<std::ptrdiff_t>(end));
        for (std::size_t changes = below(8); changes != 0; --changes) {
            bytes[below(bytes.size())] = static_cast<std::byte>(below(2) != 0 ? below(4) : below(256));
        }
        try_all(bytes);
    }
    std::printf("%ld inputs\n", rounds);
    return 0;
}
#endif
