// Memory that is written before it is read.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace photalign {

struct FreeAligned {
  std::align_val_t alignment{};
  void operator()(float* memory) const { ::operator delete(memory, alignment); }
};

using UninitializedFloats = std::unique_ptr<float[], FreeAligned>;

// Starts on a cache line. Fresh memory costs a page fault per 4 kB, so that large pages are asked
// for where there is much of it.
UninitializedFloats uninitialized_floats(std::size_t count);

}  // namespace photalign
