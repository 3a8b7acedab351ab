#include "nodes/secret.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include "system/descriptor.hpp"
#include "system/error.hpp"
#include "system/resources.hpp"

namespace haid::nodes {
namespace {

// Other people's files may lie in the same folder.
constexpr std::string_view beginning = "haid-";
constexpr std::string_view extension = ".secret";

// Of runs that were killed before all their agents had called: of no use any more.
void remove_old_secrets(const std::filesystem::path& folder) {
    constexpr std::chrono::hours old{24};
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename();
        if (!name.starts_with(beginning) || !name.ends_with(extension)) continue;
        if (std::filesystem::file_size(entry.path(), ignored) != Secret::size) continue;
        const auto written = std::filesystem::last_write_time(entry.path(), ignored);
        if (std::filesystem::file_time_type::clock::now() - written > old) {
            std::filesystem::remove(entry.path(), ignored);
        }
    }
}

// Its path.
std::string make_file(const Secret& secret, const std::string& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) throw system::SystemError(error.value(), fmt::format("cannot make the folder '{}'", folder));
    remove_old_secrets(folder);
    std::string path = fmt::format("{}/{}{}-{}-{:x}{}", folder, beginning, system::host_name(), ::getpid(),
                                   std::chrono::steady_clock::now().time_since_epoch().count(), extension);
    try {
        secret.write(path);
        // Not every file system keeps owners and modes; agents trust no other file.
        Secret::read(path);
    } catch (const system::SystemError&) {
        ::unlink(path.c_str());
        throw;
    } catch (const std::invalid_argument&) {
        ::unlink(path.c_str());
        throw system::SystemError(EPERM, fmt::format("the folder '{}' keeps no file from others", folder));
    }
    return path;
}

}  // namespace

Secret Secret::random() {
    Secret secret;
    randombytes_buf(secret.bytes_.data(), size);
    return secret;
}

Secret Secret::read(const std::string& path) {
    const system::Descriptor file = [&] {
        try {
            return system::open_file(path, O_RDONLY | O_NOFOLLOW);
        } catch (const system::SystemError& error) {
            throw system::SystemError(
                error.error(),
                fmt::format("cannot open '{}' (HAID_RUN_FOLDER names a folder that all nodes see)", path));
        }
    }();
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) system::throw_errno(fmt::format("cannot look at '{}'", path));
    if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
        throw std::invalid_argument(
            fmt::format("the secret '{}' is not trusted: others than its owner may read it", path));
    }
    Secret secret;
    unsigned char more;
    const auto read = [&](unsigned char* to, std::size_t most) {
        const ssize_t length = system::uninterrupted([&] { return ::read(file.get(), to, most); });
        if (length < 0) system::throw_errno(fmt::format("cannot read '{}'", path));
        return static_cast<std::size_t>(length);
    };
    if (read(secret.bytes_.data(), size) != size || read(&more, 1) != 0) {
        throw std::invalid_argument(fmt::format("'{}' is no secret of a run: it must have {} bytes", path, size));
    }
    return secret;
}

void Secret::write(const std::string& path) const {
    const system::Descriptor file = system::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    const std::string what = fmt::format("'{}'", path);
    system::write_all(file.get(), {reinterpret_cast<const char*>(bytes_.data()), size}, what.c_str());
}

SecretFile::SecretFile(const Secret& secret, const std::vector<std::string>& folders) {
    int last_error = 0;
    for (const std::string& folder : folders) {
        try {
            path_ = make_file(secret, folder);
            return;
        } catch (const system::SystemError& error) {
            passed_by_ += (passed_by_.empty() ? "" : "; ") + std::string(error.what());
            if (error.error() == EMFILE || error.error() == ENFILE) throw;
            last_error = error.error();
        }
    }
    std::string tried = passed_by_;  // its last reason is said by the exception
    tried.resize(tried.size() - std::min(tried.size(), 2 + system::reason(last_error).size()));
    throw system::SystemError(
        last_error,
        fmt::format("no place for the secret of the run (HAID_RUN_FOLDER names a folder that all nodes see): {}",
                    tried));
}

void SecretFile::remove() {
    if (!path_.empty()) ::unlink(path_.c_str());
    path_.clear();
}

}  // namespace haid::nodes
