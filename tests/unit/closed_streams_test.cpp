// The library in a program whose standard streams are closed: nothing of its own may get their numbers, for what is
// printed goes there.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "haid/map.hpp"
#include "haid/pipe.hpp"
#include "haid/pool.hpp"
#include "haid/process.hpp"
#include "pool_fixture.hpp"
#include "processes.hpp"

namespace haid {
namespace {

int closed_from = 0;  // in workers as in the program

class ClosedStreams : public PoolTest {};

// Of the numbers 0 to 2.
int taken() {
    int count = 0;
    for (int fd = 0; fd <= 2; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

int taken_there(int) {
    return taken();
}

// In a process in which all of the numbers from `first` to 2 are free, after each of which nothing may be there.
template <class Body>
void without_streams(Body body) {
    for (int first : {0, 1, 2}) {
        EXPECT_EQ(exit_status(middle([&] {
                      for (int fd = first; fd <= 2; ++fd) ::close(fd);
                      body(first);
                      if (taken() != first) ::_exit(40);
                  })),
                  0)
            << "closed from " << first << " on";
    }
}

TEST_F(ClosedStreams, APoolTakesNoneOfTheirNumbersInTheProgramOrItsWorkers) {
    without_streams([](int first) {
        Pool pool(2);
        if (taken() != first) ::_exit(41);
        for (int there : pool.map(taken_there, up_to(20))) {
            if (there != first) ::_exit(42);
        }
        if (pool.map_async(twice, up_to(3)).get() != std::vector{0, 2, 4}) ::_exit(43);
        if (taken() != first) ::_exit(44);
    });
}

TEST_F(ClosedStreams, PrintingCannotDisturbAPool) {
    without_streams([](int first) {
        closed_from = first;
        Pool pool(2);
        const auto shout = [](int x) {
            for (int fd = closed_from; fd <= 2; ++fd) static_cast<void>(!::write(fd, "xxxxxxxxxxxxxxxx", 16));
            return x;
        };
        if (pool.map(shout, up_to(2000)) != up_to(2000)) ::_exit(41);
    });
}

TEST_F(ClosedStreams, MapAndProcessAndPipeTakeNoneOfTheirNumbers) {
    without_streams([](int first) {
        const int base = 5;
        const auto added = haid::map([&](int x) { return base + x + 100 * taken(); }, std::vector{1, 2});
        if (added != std::vector{6 + 100 * first, 7 + 100 * first}) ::_exit(41);
        auto [mine, theirs] = Pipe();
        if (taken() != first) ::_exit(42);
        Process process([&] { theirs.send(taken()); });
        process.start();
        if (taken() != first) ::_exit(43);
        if (mine.recv<int>() != first) ::_exit(44);
        process.join();
        if (process.exit_code() != 0) ::_exit(45);
    });
}

TEST_F(ClosedStreams, WhereNoNumberIsLeftItIsAnErrorAndNothingStaysOpen) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "a sanitizer needs descriptors to look at an object whose member is called";
#endif
    without_streams([](int first) {
        const rlimit little{3, 3};
        ::setrlimit(RLIMIT_NOFILE, &little);
        bool thrown = false;
        try {
            system::make_pipe();
        } catch (const system::SystemError& error) {
            thrown = error.error() == EMFILE || error.error() == EINVAL;
        }
        if (!thrown) ::_exit(41);
        if (taken() != first) ::_exit(42);
    });
}

}  // namespace
}  // namespace haid
