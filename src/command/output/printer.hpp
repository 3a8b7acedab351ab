// Writes to standard output and standard error without ever blocking the program, strictly in the order given.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "command/output/passing_line.hpp"
#include "command/runner.hpp"
#include "system/event_loop.hpp"
#include "system/spool.hpp"

namespace haid::command {

// Faults are SystemErrors that name the stream: EPIPE where the reader has gone, ENOSPC where the disk is full. They
// are thrown by the call, or out of the event loop. Not thread-safe.
class Printer : public system::Watcher {
  public:
    Printer(system::EventLoop& loop, system::SpoolStore& store);
    ~Printer() override;

    void print(Stream stream, std::string_view text);
    void print(Stream stream, system::Spool data);
    // Moves what a pipe holds to the stream without copying it, where that can be done at once: the number of bytes, 0
    // at the pipe's end. nullopt: something else waits, the stream is no pipe, or it is full.
    std::optional<std::size_t> pass_on(Stream stream, int pipe, std::size_t limit);
    // `then` is called once everything printed so far has been written; what it prints comes before all else.
    void after(std::function<void()> then);

    // The program's own words on standard error, taken after a fault, too. Where they cannot be written they are
    // forgotten. On a terminal they begin a line.
    void tell(std::string_view text);
    // A line on the terminal that is standard error, until something is printed. Not shown where something waits to be
    // written, where the terminal takes nothing at this moment, or where what was printed has not ended its line: it
    // would be drawn over. "": none.
    void show(const std::string& line);
    // Takes that line away; waits for the terminal no longer than this.
    void clear_line(std::chrono::milliseconds patience);

    // The reader is slow: whoever makes output should wait.
    bool congested() const { return waiting_bytes_ > congestion || items_.size() > 1000; }
    bool idle() const { return items_.empty(); }
    // After a fault: forget what is left, and take no more but what is told.
    void abandon();
    // Nobody takes even that.
    void give_up();

    void on_ready(std::uint32_t events) override;

  private:
    // Enough that a reader that takes pipe-sized bites never finds us without.
    static constexpr std::uint64_t congestion = 8 * 1024 * 1024;

    // How to write to a stream without blocking and without changing it for others who share it.
    struct Target {
        int fd;
        system::Descriptor own;  // the same pipe or terminal, opened again for ourselves
        std::size_t piece;       // the most one call may write
        bool is_pipe = false;
        bool ask_first = false;  // the descriptor may block: write only when it said that it would not
        bool is_terminal = false;
        bool shows = false;  // on a terminal, or a pipe that may lead to one
        const char* name;
    };
    struct Item {
        Stream stream;
        system::Spool data;
        std::function<void()> then;
        bool own_words = false;
        char last = 0;  // byte of its data
    };

    static Target make_target(int fd, const char* name);
    Target& target(Stream stream) { return stream == Stream::output ? output_ : error_; }
    void enqueue(Item item);
    void write_waiting();
    system::Spool::Output write(Item& item);
    system::Spool::Output write_all(Item& item);
    std::size_t write_at_once(std::string_view text);
    void wait_for(Target* blocked);

    system::EventLoop& loop_;
    system::SpoolStore& store_;
    Target output_;
    Target error_;
    std::deque<Item> items_;
    std::uint64_t waiting_bytes_ = 0;
    Target* watched_ = nullptr;
    bool abandoned_ = false;
    bool writing_ = false;
    std::optional<std::size_t> in_front_;  // so many have come from the `then` that is being called
    PassingLine line_;
    bool within_line_ = false;  // the end of what was printed, where that can be on the terminal
};

}  // namespace haid::command
