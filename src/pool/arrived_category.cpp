#include "pool/arrived_category.hpp"

#include <atomic>
#include <future>
#include <ios>
#include <memory>
#include <string_view>
#include <utility>

namespace haid::pool {
namespace {

// Numbers of these mean the same in every process.
const std::error_category* standard_category(std::string_view name) {
    for (const std::error_category* category :
         {&std::generic_category(), &std::system_category(), &std::iostream_category(), &std::future_category()}) {
        if (category->name() == name) return category;
    }
    return nullptr;
}

// What was learned stays for good, as categories do: codes point to them. No lock is held by anybody when a process is
// forked.
class ArrivedCategory final : public std::error_category {
  public:
    explicit ArrivedCategory(std::string called) : name_(std::move(called)) {}

    void learn(const CodeOnItsWay& code) {
        if (find(code.value) != nullptr) return;
        const std::error_category* category = standard_category(code.condition_category);
        const auto condition = category != nullptr ? std::error_condition(code.condition, *category)
                                                   : std::error_condition(code.value, *this);
        auto* known = new Known{code.value, code.message, condition, known_.load()};
        while (!known_.compare_exchange_weak(known->next, known)) {
        }
    }

    const char* name() const noexcept override { return name_.c_str(); }
    std::string message(int value) const override {
        const Known* known = find(value);
        return known != nullptr ? known->message : name_ + " error " + std::to_string(value);
    }
    std::error_condition default_error_condition(int value) const noexcept override {
        const Known* known = find(value);
        return known != nullptr ? known->condition : std::error_condition(value, *this);
    }

    ArrivedCategory* next = nullptr;

  private:
    struct Known {
        int value;
        std::string message;
        std::error_condition condition;
        const Known* next;
    };

    const Known* find(int value) const noexcept {
        const Known* known = known_.load();
        while (known != nullptr && known->value != value) known = known->next;
        return known;
    }

    const std::string name_;
    std::atomic<const Known*> known_{nullptr};
};

ArrivedCategory& category_called(const std::string& name) {
    static constinit std::atomic<ArrivedCategory*> categories{nullptr};
    auto made = std::make_unique<ArrivedCategory>(name);
    made->next = categories.load();
    do {
        for (ArrivedCategory* one = made->next; one != nullptr; one = one->next) {
            if (one->name() == name) return *one;
        }
    } while (!categories.compare_exchange_weak(made->next, made.get()));
    return *made.release();
}

}  // namespace

CodeOnItsWay code_on_its_way(const std::error_code& code) {
    const std::error_condition condition = code.default_error_condition();
    return {code.value(), code.category().name(), code.message(), condition.value(), condition.category().name()};
}

std::error_code arrived_code(const CodeOnItsWay& code) {
    if (const std::error_category* category = standard_category(code.category)) return {code.value, *category};
    ArrivedCategory& category = category_called(code.category);
    category.learn(code);
    return {code.value, category};
}

}  // namespace haid::pool
