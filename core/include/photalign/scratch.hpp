// Memory for one alignment, kept for the next.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace photalign {

// Fresh memory costs a page fault per 4 kB: for a small image more than the alignment itself.
class Scratch {
 public:
  // Memory of an earlier alignment if it lies ready.
  static std::unique_ptr<Scratch> borrow(int threads);
  // Keeps the memory for the next, unless it is large.
  static void give_back(std::unique_ptr<Scratch> scratch);

  float* of_thread(int worker) { return of_threads_[static_cast<std::size_t>(worker)].get(); }

  // Room for so many numbers, for one who asks.
  float* numbers(std::size_t count);

  // Room for the losses of `tiles` tiles, other than `taken`: two estimates are compared at a time.
  float* losses(std::size_t tiles, const float* taken);

 private:
  struct Room {
    std::unique_ptr<float[]> memory;
    std::size_t tiles = 0;
  };
  std::vector<std::unique_ptr<float[]>> of_threads_;
  Room losses_[2];
  std::unique_ptr<float[]> numbers_;
  std::size_t count_ = 0;
};

}  // namespace photalign
