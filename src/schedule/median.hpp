// The median of values that arrive one by one: exact, O(log n) a value. Memory: 16 bytes a value, up to a cap past
// which every second value is forgotten; the median of a sample that large is as good.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace haid::schedule {

class Median {
  public:
    void add(double value);
    std::optional<double> value() const;

  private:
    static constexpr std::size_t cap = 100'000;
    void balance();
    void thin_out();

    std::vector<double> low_;   // max-heap: the smaller half
    std::vector<double> high_;  // min-heap: the larger half
};

}  // namespace haid::schedule
