// An error of another language on its way through the engine: bytes that only that language understands. Not for users.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "haid/error.hpp"

namespace haid::detail {

class ForeignError : public Error {
  public:
    // At most as many as `most`: an error must always fit where a result does.
    explicit ForeignError(std::vector<std::byte> bytes)
        : Error("an error of another language"), bytes_(std::move(bytes)) {}
    const std::vector<std::byte>& bytes() const { return bytes_; }

    static constexpr std::size_t most = std::size_t{1} << 20;

  private:
    std::vector<std::byte> bytes_;
};

}  // namespace haid::detail
