#include "pool/exceptions.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "haid/detail/pool/exception_crossing.hpp"
#include "haid/detail/pool/foreign_error.hpp"
#include "haid/error.hpp"
#include "pool/exception_types.hpp"
#include "system/demangle.hpp"

namespace haid::pool {
namespace {

// A message is meant to be read; an error must always fit where a result does.
constexpr std::size_t longest_message = 64 * 1024;
constexpr std::size_t largest_content = 256 * 1024;
constexpr std::size_t most_of_a_chain = 512 * 1024;
constexpr std::size_t most_nested = 32;

// As: a type that is known here; TaskError; bytes of another language.
enum class Form : std::uint8_t { known, other, foreign };

// One exception, without what is nested in it.
struct Link {
    Form form = Form::other;
    std::uint64_t number = 0;  // of what it arrives as
    bool is_base = false;      // that is not what was thrown, but a base of it
    std::string type;          // of what was thrown
    std::string message;
    std::vector<std::byte> content;

    std::size_t size() const { return type.size() + message.size() + content.size(); }
};

// The type and then its public bases, the nearest first.
std::vector<const std::type_info*> lineage(const std::type_info& type) {
    std::vector<const std::type_info*> all{&type};
    for (std::size_t at = 0; at < all.size(); ++at) {
        if (const auto* one = dynamic_cast<const abi::__si_class_type_info*>(all[at])) {
            all.push_back(one->__base_type);
        } else if (const auto* several = dynamic_cast<const abi::__vmi_class_type_info*>(all[at])) {
            for (unsigned int base = 0; base < several->__base_count; ++base) {
                const abi::__base_class_type_info& info = several->__base_info[base];
                if (info.__is_public_p()) all.push_back(info.__base_type);
            }
        }
    }
    return all;
}

// std::throw_with_nested throws a type of its own, and so do we where a standard one would say something else.
std::string name_of(const std::type_info& type) {
    std::string name = system::readable_name(type);
    for (const std::string_view wrapper : {"std::_Nested_exception<", "haid::pool::Saying<"}) {
        if (!name.starts_with(wrapper) || !name.ends_with('>')) continue;
        name = name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
        while (name.ends_with(' ')) name.pop_back();
    }
    return name;
}

// What it is to arrive as, where its type or one of its bases is known.
void find_known(Link& link, const std::type_info& type, const std::exception_ptr& error) {
    for (const std::type_info* one : lineage(type)) {
        const detail::ExceptionCrossing* crossing = crossing_of(*one);
        if (crossing == nullptr) continue;
        // What the standard library throws of its own is what its name promises.
        const bool is_base = name_of(*one) != link.type && !link.type.starts_with("std::");
        // A TaskError is all of these, and says more.
        if (is_base && (*one == typeid(std::runtime_error) || *one == typeid(Error))) continue;
        BufferEncoder content;
        try {
            crossing->encode(content, error);
        } catch (...) {
            continue;  // a base twice, or a part that cannot be had
        }
        if (content.bytes().size() > largest_content) continue;
        link.form = Form::known;
        link.number = crossing->number;
        link.content.assign(content.bytes().begin(), content.bytes().end());
        link.is_base = is_base;
        return;
    }
}

std::string message_of(const std::exception& thrown) {
    const char* message = thrown.what();
    return message != nullptr ? message : "";
}

const std::type_info* type_being_handled() {
    return abi::__cxa_current_exception_type();
}

// What is nested in an exception that is no std::exception.
std::exception_ptr nested_in(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::nested_exception& nested) {
        return nested.nested_ptr();
    } catch (...) {
        return nullptr;
    }
}

// Fills `link`, and returns what is nested in the exception.
std::exception_ptr describe(Link& link, const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const detail::ForeignError& thrown) {
        link.form = Form::foreign;
        const std::size_t size = std::min(thrown.bytes().size(), detail::ForeignError::most);
        link.content.assign(thrown.bytes().data(), thrown.bytes().data() + size);
        return nullptr;
    } catch (const std::exception& thrown) {
        link.message = message_of(thrown);
        // Of a pool within a task: what was thrown there is the type that tells something.
        const auto* origin = dynamic_cast<const TaskOrigin*>(&thrown);
        link.type = origin != nullptr ? origin->type() : name_of(typeid(thrown));
        if (dynamic_cast<const TaskError*>(&thrown) == nullptr) {
            find_known(link, typeid(thrown), error);
        } else if (const std::string prefix = link.type + ": "; link.message.starts_with(prefix)) {
            link.message.erase(0, prefix.size());
        }
        const auto* nested = dynamic_cast<const std::nested_exception*>(&thrown);
        return nested != nullptr ? nested->nested_ptr() : nullptr;
    } catch (const std::string& thrown) {
        link.type = "std::string";
        link.message = thrown;
    } catch (const char* thrown) {
        link.type = "const char*";
        link.message = thrown != nullptr ? thrown : "";
    } catch (...) {
        const std::type_info* type = type_being_handled();
        link.type = type != nullptr ? name_of(*type) : "unknown";
        link.message = fmt::format("something of type {} was thrown", link.type);
        if (type != nullptr) find_known(link, *type, error);
        return nested_in(error);
    }
    return nullptr;
}

std::exception_ptr task_error(const Link& link, bool nested, std::size_t task, int worker) {
    return detail::pointer_to(TaskError(link.type, fmt::format("{}: {}", link.type, link.message), task, worker),
                              nested);
}

// `nested`: in the exception that is being handled.
std::exception_ptr made_of(const Link& link, bool nested, std::size_t task, int worker) {
    const detail::ExceptionCrossing* crossing = link.form == Form::known ? crossing_numbered(link.number) : nullptr;
    if (crossing == nullptr) return task_error(link, nested, task, worker);
    detail::Arrival arrival{link.message, std::nullopt, nested};
    if (link.is_base) arrival.origin.emplace(link.type, task, worker);
    try {
        Decoder from(link.content);
        return crossing->decode(from, std::move(arrival));
    } catch (...) {
        // Its content does not fit, or its constructor refuses it.
    }
    return task_error(link, nested, task, worker);
}

std::exception_ptr made_of(const Link& link, const std::exception_ptr& inner, std::size_t task, int worker) {
    if (!inner) return made_of(link, false, task, worker);
    try {
        std::rethrow_exception(inner);
    } catch (...) {
        return made_of(link, true, task, worker);
    }
}

}  // namespace

void encode_exception(Encoder& to, std::exception_ptr error) {
    std::vector<Link> chain;
    for (std::size_t size = 0; error && chain.size() < most_nested && size < most_of_a_chain;) {
        Link& link = chain.emplace_back();
        error = describe(link, error);
        link.message.resize(std::min(link.message.size(), longest_message));
        link.type.resize(std::min(link.type.size(), longest_message));
        size += link.size();
    }
    encode(to, chain);
}

std::exception_ptr decode_exception(std::span<const std::byte> bytes, std::size_t task, int worker) {
    try {
        Decoder from(bytes);
        auto chain = decode<std::vector<Link>>(from);
        from.expect_end();
        if (chain.empty() || chain.size() > most_nested) throw DecodeError("haid: this is no exception");
        if (chain.front().form == Form::foreign) {
            return std::make_exception_ptr(detail::ForeignError(std::move(chain.front().content)));
        }
        std::exception_ptr error;
        for (auto link = chain.rbegin(); link != chain.rend(); ++link) error = made_of(*link, error, task, worker);
        return error;
    } catch (const DecodeError&) {
        return std::make_exception_ptr(TaskError("unknown", "an error that could not be understood", task, worker));
    }
}

}  // namespace haid::pool
