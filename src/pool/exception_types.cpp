#include "pool/exception_types.hpp"

#include <any>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "haid/error.hpp"
#include "pool/arrived_category.hpp"

namespace haid::pool {

// Says what was said, whatever the type says by itself. Its name is that of what it stands for: see name_of().
template <class E>
class Saying : public E {
  public:
    Saying(E made, std::string message)
        : E(std::move(made)), message_(std::make_shared<std::string>(std::move(message))) {}
    const char* what() const noexcept override { return message_->c_str(); }

  private:
    std::shared_ptr<const std::string> message_;  // copies of an exception do not throw
};

namespace {

using detail::Arrival;
using detail::ExceptionCrossing;

template <class E>
std::exception_ptr arrived_saying_it(E made, Arrival arrival) {
    if (made.what() == arrival.message) return detail::arrived(std::move(made), std::move(arrival));
    Saying<E> saying(std::move(made), std::move(arrival.message));
    return detail::arrived(std::move(saying), std::move(arrival));
}

// Made by `make` from what `take` has read.
template <class E, class Take, class Make>
class Standard final : public ExceptionCrossing {
  public:
    Standard(std::uint64_t place, Take take, Make make)
        : ExceptionCrossing(typeid(E), place), take_(take), make_(make) {}

    void encode(Encoder& to, const std::exception_ptr& thrown) const override {
        if constexpr (has_content) {
            try {
                std::rethrow_exception(thrown);
            } catch (const E& error) {
                haid::encode(to, take_(error));
            }
        }
    }
    std::exception_ptr decode(Decoder& from, Arrival arrival) const override {
        if constexpr (has_content) {
            E made = make_(haid::decode<Content>(from));
            return arrived_saying_it(std::move(made), std::move(arrival));
        } else {
            E made = make_(std::as_const(arrival.message));
            return arrived_saying_it(std::move(made), std::move(arrival));
        }
    }

  private:
    static constexpr bool has_content = !std::is_null_pointer_v<Take>;
    struct Nothing {
        Nothing operator()(const E&) const { return {}; }
    };
    using Content = std::decay_t<std::invoke_result_t<std::conditional_t<has_content, Take, Nothing>, const E&>>;

    [[no_unique_address]] Take take_;
    [[no_unique_address]] Make make_;
};

// Of the known ones by their place in the list, far from any address of a function.
template <class E, class Take, class Make>
const ExceptionCrossing* standard(std::uint64_t number, Take take, Make make) {
    return new Standard<E, Take, Make>(number, take, make);
}
template <class E>
const ExceptionCrossing* of_message(std::uint64_t number) {
    return standard<E>(number, nullptr, [](const std::string& message) { return E(message); });
}
template <class E>
const ExceptionCrossing* of_nothing(std::uint64_t number) {
    return standard<E>(number, nullptr, [](const std::string&) { return E(); });
}

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
// Not what a class that derives from it says.
std::string message_given(const std::system_error& error) {
    return without_reason(error.std::runtime_error::what(), error.code());
}

struct Coded {
    CodeOnItsWay code;
    std::string message;
};
struct Located {
    Coded coded;
    std::filesystem::path first;
    std::filesystem::path second;
};

Coded coded(const std::system_error& error) {
    return {code_on_its_way(error.code()), message_given(error)};
}

const std::vector<const ExceptionCrossing*>& standard_types() {
    static const auto& types = *new std::vector<const ExceptionCrossing*>([] {
        std::vector<const ExceptionCrossing*> all;
        const auto next = [&] { return static_cast<std::uint64_t>(all.size()); };
        const auto messages = [&]<class... E>(std::tuple<E...>*) { (all.push_back(of_message<E>(next())), ...); };
        messages(static_cast<std::tuple<std::runtime_error, std::logic_error, std::invalid_argument, std::domain_error,
                                        std::length_error, std::out_of_range, std::range_error, std::overflow_error,
                                        std::underflow_error, TimeoutError, OwnerDied, BrokenBarrier, DecodeError,
                                        EndOfFile, PoolClosed, Error>*>(nullptr));
        const auto plain = [&]<class... E>(std::tuple<E...>*) { (all.push_back(of_nothing<E>(next())), ...); };
        plain(static_cast<std::tuple<std::bad_alloc, std::bad_array_new_length, std::bad_cast, std::bad_any_cast,
                                     std::bad_typeid, std::bad_function_call, std::bad_optional_access,
                                     std::bad_variant_access, std::bad_weak_ptr, std::bad_exception>*>(nullptr));
        all.push_back(standard<std::system_error>(next(), coded, [](const Coded& content) {
            const std::error_code code = arrived_code(content.code);
            return content.message.empty() ? std::system_error(code) : std::system_error(code, content.message);
        }));
        all.push_back(standard<std::ios_base::failure>(next(), coded, [](const Coded& content) {
            return std::ios_base::failure(content.message, arrived_code(content.code));
        }));
        all.push_back(standard<std::filesystem::filesystem_error>(
            next(),
            [](const std::filesystem::filesystem_error& error) {
                return Located{coded(error), error.path1(), error.path2()};
            },
            [](const Located& content) {
                using Error = std::filesystem::filesystem_error;
                const std::error_code code = arrived_code(content.coded.code);
                if (!content.second.empty()) return Error(content.coded.message, content.first, content.second, code);
                if (!content.first.empty()) return Error(content.coded.message, content.first, code);
                return Error(content.coded.message, code);
            }));
        all.push_back(standard<std::future_error>(
            next(), [](const std::future_error& error) { return error.code().value(); },
            [](int code) { return std::future_error(static_cast<std::future_errc>(code)); }));
        all.push_back(standard<std::regex_error>(
            next(), [](const std::regex_error& error) { return static_cast<int>(error.code()); },
            [](int code) { return std::regex_error(static_cast<std::regex_constants::error_type>(code)); }));
        return all;
    }());
    return types;
}

// What users have registered: nobody holds a lock when a process is forked.
constinit std::atomic<const ExceptionCrossing*> registered{nullptr};

template <class Wanted>
const ExceptionCrossing* find(Wanted wanted) {
    for (const ExceptionCrossing* one = registered.load(); one != nullptr; one = one->next) {
        if (wanted(*one)) return one;
    }
    for (const ExceptionCrossing* one : standard_types()) {
        if (wanted(*one)) return one;
    }
    return nullptr;
}

}  // namespace

const ExceptionCrossing* crossing_of(const std::type_info& type) {
    return find([&](const ExceptionCrossing& one) { return one.type == type; });
}

const ExceptionCrossing* crossing_numbered(std::uint64_t number) {
    return find([&](const ExceptionCrossing& one) { return one.number == number; });
}

}  // namespace haid::pool

namespace haid::detail {

bool add(const ExceptionCrossing& crossing) {
    crossing.next = pool::registered.load();
    while (!pool::registered.compare_exchange_weak(crossing.next, &crossing)) {
    }
    return true;
}

}  // namespace haid::detail
