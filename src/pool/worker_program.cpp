#include "pool/worker_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "haid/error.hpp"

namespace haid::pool {
namespace {

// What both sides make of the argument.
struct Place {
    int segment, event;
    std::size_t workers, worker;
    unsigned long long most_items;

    std::string text() const { return fmt::format("{},{},{},{},{}", segment, event, workers, worker, most_items); }
    static Place of(const std::string& text) {
        Place place{};
        if (std::sscanf(text.c_str(), "%d,%d,%zu,%zu,%llu", &place.segment, &place.event, &place.workers, &place.worker,
                        &place.most_items) != 5 ||
            place.worker >= place.workers || place.workers > channel::most_workers) {
            throw Error(fmt::format("'{}' is no place of a worker", text));
        }
        return place;
    }
};

void keep_at_exec(int descriptor, bool keep) {
    ::fcntl(descriptor, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

}  // namespace

int become_program(const WorkerSettings& settings, std::size_t worker) {
    // Whoever asks for it does not wait until the program has come up.
    settings.segment->lane(worker).pid.store(static_cast<std::uint32_t>(::getpid()));
    Place place{};
    place.segment = settings.segment->descriptor();
    place.event = settings.event;
    place.workers = settings.segment->workers();
    place.worker = worker;
    place.most_items = settings.most_items;
    std::vector<std::string> arguments = settings.program->command;
    arguments.push_back(place.text());
    std::vector<char*> words;
    words.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    for (int descriptor : settings.program->descriptors) keep_at_exec(descriptor, true);
    keep_at_exec(place.segment, true);
    keep_at_exec(place.event, true);
    take_budget(settings);
    ::execv(words[0], words.data());
    ::dprintf(STDERR_FILENO, "haid: cannot execute %s: %s\n", words[0], std::strerror(errno));
    return 127;
}

int work_at(const std::string& text, std::shared_ptr<detail::WorkerHooks> hooks) {
    const Place place = Place::of(text);
    keep_at_exec(place.segment, false);
    keep_at_exec(place.event, false);
    channel::Segment segment(place.workers, system::Descriptor(place.segment));
    WorkerSettings settings;
    settings.segment = &segment;
    settings.event = place.event;
    settings.most_items = place.most_items;
    settings.hooks = std::move(hooks);
    return work(settings, place.worker);
}

}  // namespace haid::pool
