// What the coordinator and the agents of one run have in common, and nobody else: 32 random bytes.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace haid::nodes {

class Secret {
  public:
    static Secret random();
    // Throws SystemError, or std::invalid_argument naming the file where others may read it or it holds no secret.
    static Secret read(const std::string& path);
    // Into a new file that only its owner may read. Throws SystemError naming the file.
    void write(const std::string& path) const;

    static constexpr std::size_t size = 32;
    const unsigned char* data() const { return bytes_.data(); }

  private:
    std::array<unsigned char, size> bytes_{};
};

// A secret in a file of its own, which all nodes of a run can read, for as long as they have not.
class SecretFile {
  public:
    // A new file in the first of the folders where that can be: it is made where it is missing. Also removes what runs
    // that were killed have left there a day ago. Throws SystemError naming what it could not make, and the way out.
    SecretFile(const Secret& secret, const std::vector<std::string>& folders);
    ~SecretFile() { remove(); }
    SecretFile(const SecretFile&) = delete;
    SecretFile& operator=(const SecretFile&) = delete;

    const std::string& path() const { return path_; }
    // Why it is in none of the folders before; empty: it is in the first.
    const std::string& passed_by() const { return passed_by_; }
    void remove();

  private:
    std::string path_;
    std::string passed_by_;
};

}  // namespace haid::nodes
