#include "nodes/secret.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>

#include "system/descriptor.hpp"
#include "system/error.hpp"

namespace haid::nodes {
namespace {

constexpr const char* extension = ".secret";

// Of runs that were killed before all their agents had called: of no use any more.
void remove_old_secrets(const std::filesystem::path& folder) {
    constexpr std::chrono::hours old{24};
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        if (entry.path().extension() != extension) continue;
        const auto written = std::filesystem::last_write_time(entry.path(), ignored);
        if (std::filesystem::file_time_type::clock::now() - written > old) {
            std::filesystem::remove(entry.path(), ignored);
        }
    }
}

}  // namespace

Secret Secret::random() {
    Secret secret;
    randombytes_buf(secret.bytes_.data(), size);
    return secret;
}

Secret Secret::read(const std::string& path) {
    const system::Descriptor file = system::open_file(path, O_RDONLY | O_NOFOLLOW);
    struct stat status {};
    system::check(::fstat(file.get(), &status), "cannot look at the secret of the run");
    if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
        throw std::invalid_argument(
            fmt::format("the secret '{}' is not trusted: others than its owner may read it", path));
    }
    Secret secret;
    unsigned char more;
    const ssize_t length = system::uninterrupted([&] { return ::read(file.get(), secret.bytes_.data(), size); });
    if (length != ssize_t{size} || ::read(file.get(), &more, 1) != 0) {
        throw std::invalid_argument(fmt::format("'{}' is no secret of a run: it must have {} bytes", path, size));
    }
    return secret;
}

void Secret::write(const std::string& path) const {
    const system::Descriptor file = system::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    const std::string what = fmt::format("cannot write '{}'", path);
    system::write_all(file.get(), {reinterpret_cast<const char*>(bytes_.data()), size}, what.c_str());
}

SecretFile::SecretFile(const Secret& secret, const std::string& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) throw system::SystemError(error.value(), fmt::format("cannot make the folder '{}'", folder));
    remove_old_secrets(folder);
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    path_ = fmt::format("{}/{}-{}-{:x}{}", folder, host, ::getpid(),
                        std::chrono::steady_clock::now().time_since_epoch().count(), extension);
    secret.write(path_);
}

void SecretFile::remove() {
    if (!path_.empty()) ::unlink(path_.c_str());
    path_.clear();
}

}  // namespace haid::nodes
