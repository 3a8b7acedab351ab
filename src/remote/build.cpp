#include "remote/build.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>
#include <sodium.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

#include "haid/detail/pool/functions.hpp"
#include "system/error.hpp"

namespace haid::remote {
namespace {

struct Object {
    std::string path;  // empty: the program itself
    std::string build_id;
    std::uintptr_t code_begin = 0;
    std::uintptr_t code_end = 0;
};

std::string hexadecimal(std::span<const unsigned char> bytes) {
    std::string text;
    for (unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

// elf(5): Notes.
std::string build_id_in(std::span<const unsigned char> notes) {
    while (notes.size() >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) header;
        std::memcpy(&header, notes.data(), sizeof header);
        const std::size_t name = (header.n_namesz + 3U) & ~3U;
        const std::size_t size = (header.n_descsz + 3U) & ~3U;
        if (notes.size() < sizeof header + name + size) break;
        const unsigned char* at = notes.data() + sizeof header;
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(at, "GNU", 4) == 0) {
            return hexadecimal({at + name, header.n_descsz});
        }
        notes = notes.subspan(sizeof header + name + size);
    }
    return {};
}

// For dl_iterate_phdr: stops at the object that has our code.
int find_ours(dl_phdr_info* info, std::size_t, void* found) {
    const auto here = reinterpret_cast<std::uintptr_t>(&detail::origin_of_functions);
    const std::span<const ElfW(Phdr)> segments(info->dlpi_phdr, info->dlpi_phnum);
    Object object;
    for (const ElfW(Phdr) & segment : segments) {
        const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
        if (segment.p_type != PT_LOAD || here < begin || here >= begin + segment.p_memsz) continue;
        object.code_begin = begin;
        object.code_end = begin + segment.p_memsz;
    }
    if (object.code_end == 0) return 0;
    object.path = info->dlpi_name;
    for (const ElfW(Phdr) & segment : segments) {
        if (segment.p_type != PT_NOTE || !object.build_id.empty()) continue;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): so the loader tells it
        const auto* notes = reinterpret_cast<const unsigned char*>(info->dlpi_addr + segment.p_vaddr);
        object.build_id = build_id_in({notes, segment.p_memsz});
    }
    *static_cast<Object*>(found) = std::move(object);
    return 1;
}

const Object& ours() {
    static const Object object = [] {
        Object found;
        ::dl_iterate_phdr(find_ours, &found);
        return found;
    }();
    return object;
}

std::string hash_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw system::SystemError(errno, fmt::format("cannot read {}", path));
    crypto_generichash_state state;
    unsigned char hash[16];
    crypto_generichash_init(&state, nullptr, 0, sizeof hash);
    std::vector<char> some(std::size_t{1} << 20);
    while (file.read(some.data(), static_cast<std::streamsize>(some.size())), file.gcount() > 0) {
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(some.data()),
                                  static_cast<unsigned long long>(file.gcount()));
    }
    crypto_generichash_final(&state, hash, sizeof hash);
    return hexadecimal(hash);
}

}  // namespace

std::string this_build() {
    const Object& object = ours();
    if (!object.build_id.empty()) return object.build_id;
    return hash_of(object.path.empty() ? "/proc/self/exe" : object.path);
}

bool is_of_this_build(std::uint64_t function) {
    const auto address =
        static_cast<std::uintptr_t>(function + reinterpret_cast<std::uintptr_t>(&detail::origin_of_functions));
    return address >= ours().code_begin && address < ours().code_end;
}

}  // namespace haid::remote
