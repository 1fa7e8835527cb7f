#include "photalign/uninitialized.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace photalign {

UninitializedFloats uninitialized_floats(std::size_t count) {
  constexpr std::size_t cache_line = 64, large_page = std::size_t{1} << 21;
  const std::size_t bytes = count * sizeof(float);
  const bool is_large = bytes >= large_page;
  const std::align_val_t alignment{is_large ? large_page : cache_line};
  void* memory = ::operator new(bytes, alignment);
#ifdef __linux__
  // Where that is refused, small pages do.
  if (is_large) static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));
#endif
  return {static_cast<float*>(memory), FreeAligned{alignment}};
}

}  // namespace photalign
