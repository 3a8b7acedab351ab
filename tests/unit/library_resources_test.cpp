#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>

#include "haid/resources.hpp"

namespace haid {
namespace {

class Budget {
  public:
    explicit Budget(const char* value) {
        if (const char* was = ::getenv("HAID_CPUS")) before_ = was;
        ::setenv("HAID_CPUS", value, 1);
    }
    ~Budget() {
        if (before_) {
            ::setenv("HAID_CPUS", before_->c_str(), 1);
        } else {
            ::unsetenv("HAID_CPUS");
        }
    }
    Budget(const Budget&) = delete;
    Budget& operator=(const Budget&) = delete;

  private:
    std::optional<std::string> before_;
};

std::string text_of(const Resources& resources) {
    std::ostringstream text;
    text << resources;
    return text.str();
}

TEST(LibraryResources, CpusAreAtMostThoseOfTheAffinityMask) {
    cpu_set_t mask;
    ASSERT_EQ(::sched_getaffinity(0, sizeof mask, &mask), 0);
    EXPECT_GE(cpu_count(), 1);
    EXPECT_LE(cpu_count(), CPU_COUNT(&mask));
    EXPECT_GT(memory(), std::uint64_t{1} << 20);
}

TEST(LibraryResources, ABudgetLimitsAndIsReadAfresh) {
    Budget one("1");
    EXPECT_EQ(cpu_count(), 1);
    {
        Budget many("100000");
        EXPECT_EQ(resources().cpus, cpu_count());
    }
    EXPECT_EQ(cpu_count(), 1);
}

TEST(LibraryResources, EverySourceIsListedAndAtMostOneDecided) {
    Resources all = resources();
    auto decided = [](const std::vector<ResourceSource>& sources) {
        return std::count_if(sources.begin(), sources.end(), [](const auto& source) { return source.decided; });
    };
    EXPECT_EQ(all.cpus, cpu_count());
    EXPECT_EQ(decided(all.cpu_sources), 1);
    EXPECT_EQ(all.memory, memory());
    EXPECT_LE(decided(all.memory_sources), 1);
    EXPECT_LE(all.free_memory, all.memory);
    EXPECT_LE(all.sockets, all.cores);
    EXPECT_LE(all.cores, all.threads);
}

TEST(LibraryResources, PrintsWhatTheProgramPrints) {
    Resources all{.cpus = 2,
                  .cpu_sources = {{"affinity mask", 2, "4 CPUs", true, true}, {"HAID_CPUS", {}, "unset", true, false}},
                  .sockets = 1,
                  .cores = 2,
                  .threads = 4,
                  .memory = 3 << 20,
                  .memory_sources = {{"RLIMIT_AS", 1536, "per process", false, false}},
                  .free_memory = 1 << 20};
    EXPECT_EQ(text_of(all),
              "CPUs that may be used: 2\n"
              "  affinity mask           2  4 CPUs  <- decided\n"
              "  HAID_CPUS               -  unset\n"
              "  the machine has 1 sockets, 2 cores, 4 hardware threads\n"
              "\nMemory that may be used: 3 MiB\n"
              "  RLIMIT_AS     1.5 KiB  per process  (for information)\n"
              "  1 MiB of it are free now\n");
    all.memory = all.free_memory = UINT64_MAX;
    EXPECT_NE(text_of(all).find("Memory that may be used: not known\n"), std::string::npos);
    EXPECT_EQ(text_of(all).find("free now"), std::string::npos);
}

}  // namespace
}  // namespace haid
