#include "haid/random.hpp"

#include "haid/error.hpp"

namespace haid {
namespace detail {

std::uint64_t index_for_stream() {
    if (const auto index = item_index()) return *index;
    throw Error(
        "haid: no item of a call runs in this thread, so there is no index that tells its random numbers from those of "
        "others: give one (haid::stream(seed, index))");
}

}  // namespace detail

namespace {

// The algorithm is M. E. O'Neill's (Developing a seed_seq alternative, 2015), with numpy's order of words.
class Mixer {
  public:
    std::uint32_t hashed(std::uint32_t word) {
        word ^= factor_;
        factor_ *= 0x931e8875;
        word *= factor_;
        return word ^ word >> 16;
    }
    void mix_into(std::uint32_t& word, std::uint32_t other) {
        word = 0xca01f9dd * word - 0x4973f715 * hashed(other);
        word ^= word >> 16;
    }

  private:
    std::uint32_t factor_ = 0x43b0d7e5;
};

}  // namespace

SeedSequence::SeedSequence(std::uint64_t seed, std::uint64_t index) : pool_{} {
    const auto low = [](std::uint64_t number) { return static_cast<std::uint32_t>(number); };
    Mixer mixer;
    // What an index takes less than it could is left out, in contrast to the seed, which fills the pool.
    const std::array<std::uint32_t, 2> of_seed{low(seed), low(seed >> 32)};
    for (std::size_t i = 0; i < pool_.size(); ++i) pool_[i] = mixer.hashed(i < of_seed.size() ? of_seed[i] : 0);
    for (std::size_t from = 0; from < pool_.size(); ++from) {
        for (std::size_t to = 0; to < pool_.size(); ++to) {
            if (from != to) mixer.mix_into(pool_[to], pool_[from]);
        }
    }
    for (;; index >>= 32) {
        for (std::uint32_t& word : pool_) mixer.mix_into(word, low(index));
        if (index >> 32 == 0) break;
    }
}

}  // namespace haid
