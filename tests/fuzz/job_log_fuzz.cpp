// Any file is a job log, or refused by naming the line that is none; what is read from it is what stands there.
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "command/job_log.hpp"
#include "fields.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace haid;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const command::PastJobs past = command::PastJobs::read(text, "log");
        fuzz::expect(past.whole_size() <= size && (past.whole_size() == 0 || text[past.whole_size() - 1] == '\n'));
        const std::map<std::uint64_t, std::string> failed = past.failed_commands(text);
        fuzz::expect(failed.size() <= past.size());
        for (const auto& [sequence, command] : failed) {
            const command::PastJobs::Entry* entry = past.find(sequence);
            fuzz::expect(entry != nullptr && !entry->succeeded && entry->offset <= past.whole_size());
            fuzz::expect(past.same_command(*entry, command));
        }
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
