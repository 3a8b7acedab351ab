// Any record is cut into columns by any regular expression, or one of the two is refused.
//
// Lines: the expression, then records.
#include <stdexcept>
#include <string>
#include <vector>

#include "command/input/columns.hpp"
#include "command/input/pull.hpp"
#include "fields.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace haid;
    const std::vector<std::string> lines = fuzz::fields(data, size, '\n');
    try {
        const command::ColumnSplitter splitter(lines[0]);
        for (std::size_t i = 1; i < lines.size(); ++i) {
            std::vector<std::string> columns;
            splitter.split(lines[i], columns);
            fuzz::expect(!columns.empty() && columns.size() <= lines[i].size() + 1);
            // In their order, and nothing twice.
            std::size_t at = 0;
            for (const std::string& column : columns) {
                const std::size_t found = lines[i].find(column, at);
                fuzz::expect(found != std::string::npos);
                at = found + column.size();
            }
        }
    } catch (const std::invalid_argument&) {
    } catch (const command::InputError&) {
    }
    return 0;
}
