#include "pool/exceptions.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <filesystem>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeindex>
#include <typeinfo>
#include <variant>
#include <vector>

#include "haid/detail/pool/foreign_error.hpp"
#include "haid/error.hpp"
#include "system/demangle.hpp"

namespace haid::pool {
namespace {

// A message is meant to be read; an error must always fit where a result does.
constexpr std::size_t longest_message = 64 * 1024;

// Types that are made of their message alone.
struct Known {
    std::type_index type;
    std::exception_ptr (*make)(const std::string& message);
};

template <class Type>
Known known() {
    return {typeid(Type), [](const std::string& message) { return std::make_exception_ptr(Type(message)); }};
}

template <class Type>
Known known_without_message() {
    return {typeid(Type), [](const std::string&) { return std::make_exception_ptr(Type()); }};
}

const std::vector<Known>& known_types() {
    static const std::vector<Known> types = {
        known<std::runtime_error>(),
        known<std::logic_error>(),
        known<std::invalid_argument>(),
        known<std::domain_error>(),
        known<std::length_error>(),
        known<std::out_of_range>(),
        known<std::range_error>(),
        known<std::overflow_error>(),
        known<std::underflow_error>(),
        known<TimeoutError>(),
        known<OwnerDied>(),
        known<BrokenBarrier>(),
        known<DecodeError>(),
        known<EndOfFile>(),
        known<PoolClosed>(),
        known<Error>(),
        known_without_message<std::bad_alloc>(),
        known_without_message<std::bad_cast>(),
        known_without_message<std::bad_typeid>(),
        known_without_message<std::bad_function_call>(),
        known_without_message<std::bad_optional_access>(),
        known_without_message<std::bad_variant_access>(),
        known_without_message<std::bad_weak_ptr>(),
        known_without_message<std::bad_exception>(),
        known_without_message<std::bad_array_new_length>(),
    };
    return types;
}

// Errors of these categories are numbers that mean the same in every process.
const std::error_category* category_named(std::string_view name) {
    for (const std::error_category* category :
         {&std::generic_category(), &std::system_category(), &std::iostream_category(), &std::future_category()}) {
        if (category->name() == name) return category;
    }
    return nullptr;
}

enum class Form : std::uint8_t { known, system, other, foreign };

// std::system_error puts the reason behind the message: without it, it can be made again.
std::string without_reason(std::string message, const std::error_code& code) {
    std::string reason = ": " + code.message();
    if (message.ends_with(reason)) {
        message.erase(message.size() - reason.size());
    } else if (message == code.message()) {
        message.clear();
    }
    return message;
}

void encode_parts(Encoder& to, Form form, std::uint32_t number, std::string type, std::string message) {
    message.resize(std::min(message.size(), longest_message));
    type.resize(std::min(type.size(), longest_message));
    encode(to, form);
    encode(to, number);
    encode(to, type);
    encode(to, message);
}

std::string message_of(const std::exception& thrown) {
    const char* message = thrown.what();
    return message != nullptr ? message : "";
}

}  // namespace

void encode_exception(Encoder& to, std::exception_ptr error) {
    try {
        std::rethrow_exception(std::move(error));
    } catch (const std::system_error& thrown) {
        bool plain = typeid(thrown) == typeid(std::system_error) && category_named(thrown.code().category().name());
        if (plain) {
            encode_parts(to, Form::system, static_cast<std::uint32_t>(thrown.code().value()),
                         thrown.code().category().name(), without_reason(message_of(thrown), thrown.code()));
        } else {
            encode_parts(to, Form::other, 0, system::readable_name(typeid(thrown)), message_of(thrown));
        }
    } catch (const detail::ForeignError& thrown) {
        encode(to, Form::foreign);
        to.write(thrown.bytes().data(), std::min(thrown.bytes().size(), detail::ForeignError::most));
    } catch (const TaskError& thrown) {
        // Of a pool within a task: the innermost type is the one that tells something.
        encode_parts(to, Form::other, 0, thrown.type(), message_of(thrown));
    } catch (const std::exception& thrown) {
        const auto& types = known_types();
        for (std::uint32_t number = 0; number < types.size(); ++number) {
            if (types[number].type == typeid(thrown)) {
                return encode_parts(to, Form::known, number, "", message_of(thrown));
            }
        }
        encode_parts(to, Form::other, 0, system::readable_name(typeid(thrown)), message_of(thrown));
    } catch (const std::string& thrown) {
        encode_parts(to, Form::other, 0, "std::string", thrown);
    } catch (const char* thrown) {
        encode_parts(to, Form::other, 0, "const char*", thrown != nullptr ? thrown : "");
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        std::string name = type != nullptr ? system::readable_name(*type) : "unknown";
        encode_parts(to, Form::other, 0, name, fmt::format("something of type {} was thrown", name));
    }
}

std::exception_ptr decode_exception(std::span<const std::byte> bytes, std::size_t task, int worker) {
    try {
        Decoder from(bytes);
        auto form = decode<Form>(from);
        if (form == Form::foreign) {
            std::span<const std::byte> all = from.take(from.remaining());
            return std::make_exception_ptr(detail::ForeignError({all.begin(), all.end()}));
        }
        auto number = decode<std::uint32_t>(from);
        auto type = decode<std::string>(from);
        auto message = decode<std::string>(from);
        from.expect_end();
        if (form == Form::known && number < known_types().size()) return known_types()[number].make(message);
        if (form == Form::system) {
            if (const std::error_category* category = category_named(type)) {
                std::error_code code(static_cast<int>(number), *category);
                return std::make_exception_ptr(message.empty() ? std::system_error(code)
                                                               : std::system_error(code, message));
            }
        }
        return std::make_exception_ptr(TaskError(type, fmt::format("{}: {}", type, message), task, worker));
    } catch (const DecodeError&) {
        return std::make_exception_ptr(TaskError("unknown", "an error that could not be understood", task, worker));
    }
}

}  // namespace haid::pool
