// Ctrl-C while the core runs without the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <functional>

#include "photalign/parallel.hpp"

namespace photalign {

// Asks Python for pending signals at most every 20 ms; true if a handler raised. The exception is
// then set, and whoever catches `Interrupted` throws nanobind::python_error.
inline std::function<bool()> interrupt_callback() {
  using Clock = std::chrono::steady_clock;
  return [next = Clock::now() + std::chrono::milliseconds(20)]() mutable {
    if (Clock::now() < next) return false;
    next = Clock::now() + std::chrono::milliseconds(20);
    nanobind::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  };
}

// Calls body(execution) without the GIL; Ctrl-C becomes KeyboardInterrupt.
template <class Body>
void run_interruptibly(int threads, const Body& body) {
  try {
    const nanobind::gil_scoped_release release;
    body(Execution{threads, interrupt_callback()});
  } catch (const Interrupted&) {
    throw nanobind::python_error();
  }
}

}  // namespace photalign
