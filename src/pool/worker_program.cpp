#include "pool/worker_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "haid/error.hpp"
#include "pool/options.hpp"
#include "process/fork.hpp"

namespace haid::pool {
namespace {

// What a worker is told by its argument: the bytes of this, in hexadecimal digits.
struct Place {
    int segment, event;
    std::size_t workers, worker;
    PoolOptions pool;
};

std::string text_of(const Place& place) {
    BufferEncoder encoded;
    encode(encoded, place);
    std::string text;
    for (std::byte byte : encoded.bytes()) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
    return text;
}

Place place_of(std::string_view text) {
    std::vector<std::byte> bytes;
    for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
        std::uint8_t byte = 0;
        std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
        bytes.push_back(std::byte{byte});
    }
    Decoder from(bytes);
    try {
        auto place = decode<Place>(from);
        from.expect_end();
        if (place.worker < place.workers && place.workers <= channel::most_workers) return place;
    } catch (const DecodeError&) {
        // As one with numbers that cannot be.
    }
    throw Error(fmt::format("'{}' is no place of a worker", text));
}

void keep_at_exec(int descriptor, bool keep) {
    ::fcntl(descriptor, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

}  // namespace

int become_program(const WorkerSettings& settings, std::size_t worker) {
    // Whoever asks for it does not wait until the program has come up.
    settings.segment->lane(worker).pid.store(static_cast<std::uint32_t>(::getpid()));
    const Place place{settings.segment->descriptor(), settings.event, settings.segment->workers(), worker,
                      settings.engine.pool};
    const detail::WorkerProgram& program = *settings.engine.program;
    std::vector<std::string> arguments = program.command;
    arguments.push_back(text_of(place));
    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    for (int descriptor : program.descriptors) keep_at_exec(descriptor, true);
    keep_at_exec(place.segment, true);
    keep_at_exec(place.event, true);
    take_budget(settings);
    ::execv(words[0], words.data());
    return process::not_executed(words[0]);
}

int work_at(const std::string& text, std::shared_ptr<detail::WorkerHooks> hooks) {
    Place place = place_of(text);
    keep_at_exec(place.segment, false);
    keep_at_exec(place.event, false);
    channel::Segment segment(place.workers, system::Descriptor(place.segment));
    const WorkerSettings settings{.segment = &segment,
                                  .event = place.event,
                                  .engine = {.pool = std::move(place.pool), .hooks = std::move(hooks)}};
    return work(settings, place.worker);
}

}  // namespace haid::pool
