#include "command/job.hpp"

namespace haid::command {

schedule::Ending FinishedJob::ending() const {
    schedule::Ending told;
    told.which = job.sequence;
    told.attempt = attempt;
    told.command = job.line;
    told.host = end.host;
    told.place = static_cast<std::int64_t>(job.slot);
    told.start = end.start;
    told.took = std::chrono::round<std::chrono::nanoseconds>(std::chrono::duration<double>(end.seconds));
    told.cause = cause;
    told.exit_status = cause == schedule::Cause::timeout ? -1 : end.ending.exit_status;
    told.signal = end.ending.signal;
    told.output_bytes = output_bytes;
    if (cause != schedule::Cause::lost) told.usage = &end.ending.usage;
    return told;
}

}  // namespace haid::command
