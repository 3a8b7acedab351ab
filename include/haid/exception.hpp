// Exceptions on their way from a worker to the caller, who catches what was thrown.
//
// Of haid::Pool (on nodes, too) and haid::map; a ThreadPool throws what was thrown.
// - The standard's types and haid's own arrive as themselves, with their message, code and paths.
// - A type that was registered (below) arrives as itself.
// - A type that derives from one of these arrives as the nearest of them: catch (const std::out_of_range&) finds one
//   that derives from it. What was thrown is in the haid::TaskOrigin, from which such an exception derives as well. An
//   error code keeps its number, and the name and words of its category; it is equal to a std::errc if it was.
// - All else (also what derives from nothing but std::exception or std::runtime_error) arrives as a haid::TaskError,
//   which is a std::runtime_error and a TaskOrigin.
// - Nested ones (std::throw_with_nested) arrive with what is nested in them, up to 32 deep: std::rethrow_if_nested.
//   Messages are cut behind 64 KiB.
#pragma once

#include <utility>

#include "haid/detail/pool/exception_crossing.hpp"

namespace haid {

// Lets exceptions of type E arrive as an E: one line, at namespace scope, behind the type or in any one source.
//
//     class ParseError : public std::runtime_error {
//       public:
//         ParseError(const std::string& what, int line);
//         int line() const;
//     };
//     inline const bool parse_errors_cross = haid::crossing_exception<ParseError>(&ParseError::what,
//     &ParseError::line);
//
// `parts` are what an E is made from: members, member functions, or what else can be called with a const E&; each value
// must be able to cross (see codec.hpp; a C string arrives as one). Without any, an E is made by its haid::Codec, else
// from its what(), else from nothing. What does not fit is refused at compile time. Of an E that takes more than
// 256 KiB only the nearest other type arrives.
//
// Always true. Thread-safe. What is registered later than a Pool is made is not known to its workers; to those on nodes
// only what is registered before main().
template <class E, class... Parts>
bool crossing_exception(Parts... parts) {
    if constexpr (detail::can_cross_as_exception<E, Parts...>()) {
        // Never destroyed: workers and static objects may throw until the very end.
        static const auto& crossing = *new detail::CrossingOf<E, Parts...>(std::move(parts)...);
        static const bool registered = detail::add(crossing);
        return registered;
    }
    return true;
}

}  // namespace haid
