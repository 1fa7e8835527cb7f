// What the vector unit and the memory can do at best, in the core's own vectors: one thread, 10^9
// operations or bytes per second, a line for each. Compiled and run by ceilings.py.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>
#include <vector>

#include "photalign/simd.hpp"

namespace {

using namespace photalign;

constexpr int attempts = 15;

volatile float input = 0.999f;
volatile float output;

// Makes the compiler believe that a value is used, and may have changed.
template <class V>
void touch(V& value) {
  asm volatile("" : "+x"(value));
}

// The most that `work`, which does `amount` of it, gets done in a second of the processor's time.
template <class Work>
void report(const char* name, double amount, Work&& work) {
  double best = 0;
  for (int i = 0; i < attempts; ++i) {
    const std::clock_t start = std::clock();
    work();
    const double taken = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    best = std::max(best, amount / taken);
  }
  std::printf("%s %.6g\n", name, best * 1e-9);
}

// `operation(k, value, factor)` on all chains in turn. The indices are constants, so that the
// chains are registers.
template <int chains = 12, class Operation>
void compute(const char* name, Operation&& operation) {
  constexpr int rounds = 1 << 20;
  const auto work = [&]<int... k>(std::integer_sequence<int, k...>) {
    Float values[] = {splat(input + static_cast<float>(k))...};
    const Float factor = splat(input);
    for (int i = 0; i < rounds; ++i) ((operation(k, values[k], factor), touch(values[k])), ...);
    output = static_cast<float>((sum(values[k]) + ...));
  };
  report(name, double{chains} * lanes * rounds,
         [&] { work(std::make_integer_sequence<int, chains>()); });
}

void read(const char* name, std::size_t bytes, int rounds) {
  // 2 MiB of room to begin at a page, so that vectors do not cross lines.
  std::vector<float> room(bytes / sizeof(float) + 1024, 1.0f);
  const auto address = reinterpret_cast<std::uintptr_t>(room.data());
  const float* data = room.data() + (4096 - address % 4096) / sizeof(float);
  const std::size_t count = bytes / sizeof(float);
  report(name, static_cast<double>(bytes) * rounds, [&] {
    Int found[8] = {};
    for (int i = 0; i < rounds; ++i) {
      for (std::size_t k = 0; k < count; k += 8 * lanes) {
#pragma GCC unroll 8
        for (std::size_t j = 0; j < 8; ++j)
          found[j] |= load_vector<Int>(data + k + j * static_cast<std::size_t>(lanes));
      }
      for (Int& one : found) touch(one);
    }
    output = static_cast<float>(found[0][0] | found[1][0] | found[2][0] | found[3][0]);
  });
}

}  // namespace

int main() {
  compute("multiply-add", [](int, Float& value, Float factor) { value = value * factor + factor; });
  // Where additions have units of their own, half of each gets more done.
  compute<14>("mixed", [](int k, Float& value, Float factor) {
    value = k % 2 ? value + factor : value * factor + factor;
  });
  const Int order = whole_iota() + 1;
  compute("lookup",
          [order](int, Float& value, Float factor) { value = lookup(value, factor, order); });
  read("L1", 16 << 10, 4096);
  read("L2", 512 << 10, 128);
  read("memory", std::size_t{256} << 20, 1);
}
