// How an exception of a certain type is written and made again. Not for users: see exception.hpp.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "haid/codec.hpp"
#include "haid/detail/pool/callable.hpp"
#include "haid/detail/pool/functions.hpp"
#include "haid/error.hpp"

namespace haid::detail {

// What is known of an exception besides its content.
struct Arrival {
    std::string message;
    std::optional<TaskOrigin> origin;  // none: it is of the very type
    bool nested;                       // in the exception that is being handled
};

// E, which is less than what was thrown.
template <class E>
class ArrivedAs : public E, public TaskOrigin {
  public:
    ArrivedAs(E made, TaskOrigin origin) : E(std::move(made)), TaskOrigin(std::move(origin)) {}
};

template <class E>
std::exception_ptr pointer_to(E made, bool nested) {
    if (!nested) return std::make_exception_ptr(std::move(made));
    try {
        std::throw_with_nested(std::move(made));
    } catch (...) {
        return std::current_exception();
    }
}

template <class E>
std::exception_ptr arrived(E made, Arrival arrival) {
    if constexpr (!std::is_final_v<E> && !std::is_base_of_v<TaskOrigin, E>) {
        if (arrival.origin) {
            return pointer_to(ArrivedAs<E>(std::move(made), *std::move(arrival.origin)), arrival.nested);
        }
    }
    return pointer_to(std::move(made), arrival.nested);
}

class ExceptionCrossing {
  public:
    ExceptionCrossing(const std::type_info& of, std::uint64_t known_as) : type(of), number(known_as) {}
    ExceptionCrossing(const ExceptionCrossing&) = delete;
    ExceptionCrossing& operator=(const ExceptionCrossing&) = delete;

    // Of an exception that is a `type` or derives from it. Throws what it is if neither.
    virtual void encode(Encoder& to, const std::exception_ptr& thrown) const = 0;
    // Throws DecodeError, and what making one throws.
    virtual std::exception_ptr decode(Decoder& from, Arrival arrival) const = 0;

    const std::type_info& type;
    const std::uint64_t number;  // the same in every process of the program
    mutable const ExceptionCrossing* next = nullptr;

  protected:
    ~ExceptionCrossing() = default;
};

// For good. True.
bool add(const ExceptionCrossing& crossing);

// What a constructor puts around a message that is given to it is not put around it twice.
template <class E>
E made_of_message(const std::string& message) {
    const auto make = [](const std::string& text) {
        if constexpr (std::is_constructible_v<E, const std::string&>) {
            return E(text);
        } else {
            return E(text.c_str());
        }
    };
    if constexpr (std::is_base_of_v<std::exception, E>) {
        const std::string probe = "\x01";
        std::string plain = message;
        E made = make(message);
        if (made.what() == message) return made;
        const std::string around = make(probe).what();
        const std::size_t at = around.find(probe);
        if (at == std::string::npos) return made;
        const std::string behind = around.substr(at + probe.size());
        if (message.size() < at + behind.size() || !message.starts_with(around.substr(0, at)) ||
            !message.ends_with(behind)) {
            return made;
        }
        return make(message.substr(at, message.size() - at - behind.size()));
    } else {
        return make(message);
    }
}

// What becomes of a part on its way.
template <class E, class Part>
using PartValue = std::decay_t<std::invoke_result_t<const Part&, const E&>>;
template <class E, class Part>
using CrossingPart = typename InOtherProcess<PartValue<E, Part>>::type;

// From what an E without parts is made again.
template <class E>
inline constexpr bool is_error = std::is_base_of_v<std::exception, E>;
template <class E>
inline constexpr bool made_by_codec = HasCodec<E> || (!is_error<E> && Crossable<E>);
template <class E>
inline constexpr bool made_by_message =
    is_error<E> && (std::is_constructible_v<E, const std::string&> || std::is_constructible_v<E, const char*>);

// Compiling it says what is wrong, if anything is.
template <class E, class... Parts>
consteval bool can_cross_as_exception() {
    if constexpr (!std::is_class_v<E> || !std::is_copy_constructible_v<E>) {
        static_assert(!std::is_same_v<E, E>,
                      "haid::crossing_exception: the exception must be a class that can be copied");
        return false;
    } else if constexpr (sizeof...(Parts) == 0) {
        constexpr bool can = made_by_codec<E> || made_by_message<E> || std::is_default_constructible_v<E>;
        static_assert(
            can,
            "haid::crossing_exception: such an exception can be made neither from a message nor from nothing: "
            "name what its constructor takes, as in crossing_exception<E>(&E::what, &E::line)");
        return can;
    } else if constexpr (!(std::is_invocable_v<const Parts&, const E&> && ...)) {
        static_assert(!std::is_same_v<E, E>,
                      "haid::crossing_exception: a part is a member of the exception, or can be called with one");
        return false;
    } else if constexpr (!(Crossable<CrossingPart<E, Parts>> && ...)) {
        static_assert(!std::is_same_v<E, E>,
                      "haid::crossing_exception: a part cannot cross to another process; see haid/codec.hpp");
        return false;
    } else {
        constexpr bool can =
            std::is_constructible_v<E, CrossingPart<E, Parts>...> || std::is_constructible_v<E, PartValue<E, Parts>...>;
        static_assert(can, "haid::crossing_exception: the exception has no constructor that takes these parts");
        return can;
    }
}

// can_cross_as_exception<E, Parts...>().
template <class E, class... Parts>
class CrossingOf final : public ExceptionCrossing {
  public:
    explicit CrossingOf(Parts... parts)
        : ExceptionCrossing(typeid(E), number_of(&CrossingOf::make)), parts_(std::move(parts)...) {}

    void encode(Encoder& to, const std::exception_ptr& thrown) const override {
        try {
            std::rethrow_exception(thrown);
        } catch (const E& error) {
            if constexpr (has_parts) {
                std::apply([&](const auto&... part) { (encode_part(to, part, error), ...); }, parts_);
            } else if constexpr (made_by_codec<E>) {
                haid::encode(to, error);
            }
        }
    }
    std::exception_ptr decode(Decoder& from, Arrival arrival) const override { return make(from, std::move(arrival)); }

  private:
    static constexpr bool has_parts = sizeof...(Parts) > 0;

    template <class Part>
    static void encode_part(Encoder& to, const Part& part, const E& error) {
        haid::encode(to, CrossingPart<E, Part>(std::invoke(part, error)));
    }

    static std::exception_ptr make(Decoder& from, Arrival arrival) {
        if constexpr (has_parts) {
            E made = made_of_parts(haid::decode<std::tuple<CrossingPart<E, Parts>...>>(from));
            return arrived(std::move(made), std::move(arrival));
        } else if constexpr (made_by_codec<E>) {
            return arrived(haid::decode<E>(from), std::move(arrival));
        } else if constexpr (made_by_message<E>) {
            E made = made_of_message<E>(arrival.message);
            return arrived(std::move(made), std::move(arrival));
        } else {
            return arrived(E(), std::move(arrival));
        }
    }
    template <class Tuple>
    static E made_of_parts(Tuple parts) {
        return std::apply(
            [](auto&... part) {
                if constexpr (std::is_constructible_v<E, CrossingPart<E, Parts>...>) {
                    return E(std::move(part)...);
                } else {
                    return E(pointer_if<PartValue<E, Parts>>(part)...);
                }
            },
            parts);
    }
    // A C string comes as a std::string; a constructor that insists on one gets it.
    template <class Wanted, class Part>
    static decltype(auto) pointer_if(Part& part) {
        if constexpr (std::is_pointer_v<Wanted>) {
            return part.c_str();
        } else {
            return std::move(part);
        }
    }

    std::tuple<Parts...> parts_;
};

}  // namespace haid::detail
