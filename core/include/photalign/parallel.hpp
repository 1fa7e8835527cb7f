// One pool of threads for the whole process, and loops that a caller can interrupt.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>

namespace photalign {

// Thrown out of a loop when the interrupt callback asked to stop.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

// Who runs a loop: how many threads, and a callback that the calling thread asks between two
// indices whether to stop (Ctrl-C). The callback may be empty; it should be cheap.
struct Execution {
  int threads = 1;
  std::function<bool()> interrupted;
};

// Calls body(i, worker) for i in [0, count), 0 <= worker < threads. Which worker runs which i is
// not fixed, so a reduction must store per i and add in the order of i: results are then the same
// for any number of threads.
void parallel_for(const Execution& execution, std::int64_t count,
                  const std::function<void(std::int64_t, int)>& body);

}  // namespace photalign
