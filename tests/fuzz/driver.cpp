// Stands in for libFuzzer where the compiler has none, as in CTest: NAME_fuzz SEEDS ROUNDS gives the target each file
// of the folder, and then so many changed ones, always the same. An input that ends the program is written to a file,
// whose name is told; NAME_fuzz FILE runs it again.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

// No input of such a size takes so long, on however busy a machine.
constexpr unsigned longest_input_seconds = 60;
constexpr std::size_t largest_input = 4096;

Bytes running;
std::string to_keep;

// Only system calls: it is called in a signal.
void keep_input(int number) {
    const int file = ::open(to_keep.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const bool kept =
        file >= 0 && ::write(file, running.data(), running.size()) == static_cast<ssize_t>(running.size());
    const std::string_view text = number == SIGALRM ? "this input takes too long: " : "this input ends the program: ";
    if (kept && (::write(STDERR_FILENO, text.data(), text.size()) < 0 ||
                 ::write(STDERR_FILENO, to_keep.data(), to_keep.size()) < 0 || ::write(STDERR_FILENO, "\n", 1) < 0)) {
        // Nobody is there to be told.
    }
    ::signal(number, SIG_DFL);
    ::raise(number);
}

void run(Bytes input) {
    running = std::move(input);
    ::alarm(longest_input_seconds);
    // A copy of exactly that size, so that a sanitizer sees who reads behind it.
    const Bytes copy(running);
    LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

Bytes content(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Mutator {
  public:
    explicit Mutator(const std::vector<Bytes>& seeds) : seeds_(seeds) {}

    Bytes next() {
        Bytes bytes = seeds_[below(seeds_.size())];
        for (std::size_t changes = 1 + below(6); changes != 0; --changes) change(bytes);
        bytes.resize(std::min(bytes.size(), largest_input));
        return bytes;
    }

  private:
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(random_() % limit); }

    void change(Bytes& bytes) {
        static constexpr std::uint8_t telling[] = {0, 1, 2, 0x7f, 0x80, 0xff, '\n', ' ', '{', '}', '%', ',', '9', '-'};
        const std::size_t at = below(bytes.size() + 1);
        const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
        const std::size_t part = below(std::min<std::size_t>(bytes.size() - at, 16) + 1);
        switch (below(6)) {
            case 0:
                if (at < bytes.size()) bytes[at] = static_cast<std::uint8_t>(below(256));
                break;
            case 1:
                if (at < bytes.size()) bytes[at] = telling[below(std::size(telling))];
                break;
            case 2:
                bytes.insert(begin, telling[below(std::size(telling))]);
                break;
            case 3:
                bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(part));
                break;
            case 4: {
                const Bytes again(begin, begin + static_cast<std::ptrdiff_t>(part));
                bytes.insert(begin, again.begin(), again.end());
                break;
            }
            default: {
                const Bytes& other = seeds_[below(seeds_.size())];
                const std::size_t from = below(other.size() + 1);
                const std::size_t size = below(std::min<std::size_t>(other.size() - from, 32) + 1);
                const auto first = other.begin() + static_cast<std::ptrdiff_t>(from);
                bytes.insert(begin, first, first + static_cast<std::ptrdiff_t>(size));
            }
        }
    }

    const std::vector<Bytes>& seeds_;
    std::mt19937_64 random_{1};
};

}  // namespace

int main(int count, char** arguments) {
    if (count < 2) {
        std::fprintf(stderr, "usage: %s FOLDER_OF_SEEDS ROUNDS, or %s FILE\n", arguments[0], arguments[0]);
        return 2;
    }
    to_keep = std::filesystem::path(arguments[0]).filename().string() + ".input";
    for (int number : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM}) ::signal(number, keep_input);
    const std::filesystem::path from = arguments[1];
    if (!std::filesystem::is_directory(from)) {
        run(content(from));
        return 0;
    }
    std::vector<std::filesystem::path> paths(std::filesystem::directory_iterator(from), {});
    std::sort(paths.begin(), paths.end());
    if (paths.empty()) {
        std::fprintf(stderr, "there are no seeds in %s\n", arguments[1]);
        return 2;
    }
    std::vector<Bytes> seeds;
    for (const auto& path : paths) seeds.push_back(content(path));
    for (const Bytes& seed : seeds) run(seed);
    Mutator mutator(seeds);
    const long rounds = count > 2 ? std::strtol(arguments[2], nullptr, 10) : 0;
    for (long round = 0; round < rounds; ++round) run(mutator.next());
    std::printf("%zu seeds, %ld changed ones\n", seeds.size(), rounds);
    return 0;
}
