// Random numbers that are the same whatever the workers: each item of a call has a stream of its own.
//
//     double estimate(double width) {
//         auto random = haid::stream(2026);                          // the stream of the item that runs here
//         return std::normal_distribution<>(0, width)(random);
//     }
//     for (double x : pool.map(estimate, widths)) …                  // the same numbers with every run
//
// A generator that lives longer than an item is a trap. A `static std::mt19937`, or a global one, is copied with the
// program when workers are forked, so that all of them draw the same numbers; and what an item gets of it depends on
// which items its worker ran before. Nobody can see that from outside, so nobody warns: make the generator within the
// function.
//
// An item's stream follows from the seed and the item's index alone, not from the number of workers, chunks, retries,
// nodes, or the order in which items run. Two calls with the same seed give items of the same index the same numbers:
// give each call a seed of its own where that is not meant.
//
// Of what is below, item_index() and what asks it tell of the thread that calls them. All else is values: no two
// threads may use one at a time.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ios>
#include <iosfwd>
#include <istream>
#include <iterator>
#include <limits>
#include <optional>
#include <ostream>
#include <type_traits>

namespace haid {

// The index of the item that this thread runs: its place among the inputs of its call (map, starmap, imap, for_each and
// their variants), from 0. Calls of apply and apply_async are items of their pool, which counts them from 0 in the
// order in which it gets them. With haid::map, Pool and ThreadPool, on all nodes.
//
// None where no item runs: in the program itself, in a Process, in an initializer, and in threads and processes that an
// item has started. Costs a system call, some 0.1 µs.
std::optional<std::uint64_t> item_index() noexcept;

namespace detail {

// item_index(), or an Error that says what to do where no item runs.
std::uint64_t index_for_stream();

template <class S>
concept SeedsEngines = requires(S& seeds, std::uint32_t* words) {
    typename S::result_type;
    seeds.generate(words, words);
};

}  // namespace detail

// A counter-based engine, Philox4x32-10 (J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC11, 2011):
// passes the known batteries of tests, has 32 bytes of state, costs some 3 ns a number, and jumps anywhere at once.
//
// A random number engine as the standard has them: what takes one of those takes this. `Philox(n)` draws what C++26's
// `std::philox4x32(n)` draws. There are 2^64 streams of 2^66 numbers for each seed, no two of which overlap.
class Philox {
  public:
    using result_type = std::uint32_t;
    static constexpr std::uint64_t default_seed = 20111115;
    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

    Philox() : Philox(default_seed) {}
    // The key is the seed. The stream is the upper half of the counter.
    explicit Philox(std::uint64_t seed, std::uint64_t stream = 0) { this->seed(seed, stream); }
    template <class Seeds>
        requires(!std::derived_from<std::remove_cv_t<Seeds>, Philox> && detail::SeedsEngines<Seeds>)
    explicit Philox(Seeds& seeds) {
        seed(seeds);
    }

    void seed(std::uint64_t seed = default_seed, std::uint64_t stream = 0) {
        key_ = {low(seed), high(seed)};
        start_at({0, 0, low(stream), high(stream)});
    }
    template <class Seeds>
        requires(!std::derived_from<std::remove_cv_t<Seeds>, Philox> && detail::SeedsEngines<Seeds>)
    void seed(Seeds& seeds) {
        seeds.generate(key_.begin(), key_.end());
        start_at({});
    }

    result_type operator()() {
        if (++used_ == words) next_block();
        return block_[used_];
    }

    // As if called so often. In constant time.
    void discard(unsigned long long count) {
        const std::uint64_t ahead = used_ + count % words;
        std::uint64_t blocks = count / words + ahead / words;
        used_ = static_cast<std::uint32_t>(ahead % words);
        if (blocks == 0) return;
        for (std::uint32_t& word : counter_) {
            const std::uint64_t sum = std::uint64_t{word} + low(blocks);
            word = low(sum);
            blocks = (blocks >> 32) + (sum >> 32);
        }
        block_ = block_before(counter_);
    }

    friend bool operator==(const Philox& a, const Philox& b) {
        return a.key_ == b.key_ && a.counter_ == b.counter_ && a.used_ == b.used_;
    }

    // Decimal numbers with a blank between two: the key, the counter, and what is used up of the last block.
    template <class Character, class Traits>
    friend std::basic_ostream<Character, Traits>& operator<<(std::basic_ostream<Character, Traits>& out,
                                                             const Philox& engine) {
        const auto flags = out.flags(std::ios_base::dec | std::ios_base::left);
        const Character blank = out.widen(' ');
        const Character fill = out.fill(blank);
        out.width(0);
        for (const std::uint32_t word : engine.key_) out << word << blank;
        for (const std::uint32_t word : engine.counter_) out << word << blank;
        out << engine.used_;
        out.flags(flags);
        out.fill(fill);
        return out;
    }
    // What is no state of an engine sets failbit, and leaves the engine as it was.
    template <class Character, class Traits>
    friend std::basic_istream<Character, Traits>& operator>>(std::basic_istream<Character, Traits>& in,
                                                             Philox& engine) {
        const auto flags = in.flags(std::ios_base::dec | std::ios_base::skipws);
        Philox read;
        for (std::uint32_t& word : read.key_) in >> word;
        for (std::uint32_t& word : read.counter_) in >> word;
        in >> read.used_;
        in.flags(flags);
        if (in && read.used_ >= words) in.setstate(std::ios_base::failbit);
        if (!in) return in;
        read.block_ = read.block_before(read.counter_);
        engine = read;
        return in;
    }

  private:
    static constexpr std::uint32_t words = 4;
    using Block = std::array<std::uint32_t, words>;
    using Key = std::array<std::uint32_t, 2>;

    static constexpr std::uint32_t low(std::uint64_t number) { return static_cast<std::uint32_t>(number); }
    static constexpr std::uint32_t high(std::uint64_t number) { return static_cast<std::uint32_t>(number >> 32); }

    void start_at(const Block& counter) {
        counter_ = counter;
        block_ = {};
        used_ = words - 1;
    }
    void next_block() {
        block_ = block_at(key_, counter_);
        used_ = 0;
        for (std::uint32_t& word : counter_) {
            if (++word != 0) break;
        }
    }
    Block block_before(Block counter) const {
        for (std::uint32_t& word : counter) {
            if (word-- != 0) break;
        }
        return block_at(key_, counter);
    }
    // The constants are the algorithm's.
    static Block block_at(Key key, Block x) {
        constexpr int rounds = 10;
        for (int round = 0; round < rounds; ++round) {
            const std::uint64_t a = std::uint64_t{0xD2511F53} * x[0];
            const std::uint64_t b = std::uint64_t{0xCD9E8D57} * x[2];
            x = {high(b) ^ x[1] ^ key[0], low(b), high(a) ^ x[3] ^ key[1], low(a)};
            key[0] += 0x9E3779B9;
            key[1] += 0xBB67AE85;
        }
        return x;
    }

    Key key_{};
    Block counter_{};                 // of the next block
    Block block_{};                   // the last one
    std::uint32_t used_ = words - 1;  // the number of its last word that was drawn
};

// The stream of item `index`: Philox(seed, index).
inline Philox stream(std::uint64_t seed, std::uint64_t index) {
    return Philox(seed, index);
}
// Of the item that this thread runs. Throws Error where none runs (see item_index): give the index there.
inline Philox stream(std::uint64_t seed) {
    return stream(seed, detail::index_for_stream());
}

// The same for any engine that is made from a seed sequence:
//
//     haid::SeedSequence seeds(2026);         // of the item that this thread runs, as stream() has it
//     std::mt19937_64 random(seeds);
//
// It gives the numbers of numpy.random.SeedSequence(seed, spawn_key=(index,)), which are also those of
// SeedSequence(seed).spawn(n)[index]. Engines ask a seed sequence for generate() alone, and so may you.
class SeedSequence {
  public:
    using result_type = std::uint32_t;

    // Throws Error where no item runs.
    explicit SeedSequence(std::uint64_t seed) : SeedSequence(seed, detail::index_for_stream()) {}
    SeedSequence(std::uint64_t seed, std::uint64_t index);

    // Fills the range with numbers of 32 bits. The same ones with each call.
    template <std::forward_iterator Iterator>
    void generate(Iterator begin, Iterator end) const {
        std::uint32_t factor = 0x8b51f9dd;
        for (std::size_t i = 0; begin != end; ++begin, ++i) {
            std::uint32_t number = pool_[i % pool_.size()] ^ factor;
            factor *= 0x58f38ded;
            number *= factor;
            *begin = number ^ number >> 16;
        }
    }

  private:
    std::array<std::uint32_t, 4> pool_;
};

}  // namespace haid
