// Pixels beyond the border: which stored pixel stands for any integer index.
#pragma once

#include <cstdint>

#include "isa.hpp"

namespace photalign {

//            before  | a b c d |  after       the same in SciPy, OpenCV
// mirror     d c b   | a b c d |  c b a       mirror, REFLECT_101
// reflect    c b a   | a b c d |  d c b       reflect, REFLECT
// nearest    a a a   | a b c d |  d d d       nearest, REPLICATE
// wrap       b c d   | a b c d |  a b c       grid-wrap, WRAP
// constant   v v v   | a b c d |  v v v       grid-constant, CONSTANT
enum class Boundary : int { mirror, reflect, nearest, wrap, constant };

}  // namespace photalign

PHOTALIGN_ISA_BEGIN

// Not the index of a pixel: the boundary's constant stands there.
inline constexpr std::int64_t no_pixel = -1;

// index modulo count, in [0, count).
inline std::int64_t wrapped(std::int64_t index, std::int64_t count) {
  const std::int64_t within = index % count;
  return within < 0 ? within + count : within;
}

// The index in [0, count), or `no_pixel`, that stands for `index`; any distance, count >= 1.
inline std::int64_t stored_index(Boundary boundary, std::int64_t index, std::int64_t count) {
  if (index >= 0 && index < count) return index;
  switch (boundary) {
    case Boundary::mirror: {
      if (count == 1) return 0;
      const std::int64_t period = 2 * (count - 1);
      const std::int64_t forward = wrapped(index, period);
      return forward < count ? forward : period - forward;
    }
    case Boundary::reflect: {
      const std::int64_t forward = wrapped(index, 2 * count);
      return forward < count ? forward : 2 * count - 1 - forward;
    }
    case Boundary::nearest:
      return index < 0 ? 0 : count - 1;
    case Boundary::wrap:
      return wrapped(index, count);
    case Boundary::constant:
      break;
  }
  return no_pixel;
}

PHOTALIGN_ISA_END
