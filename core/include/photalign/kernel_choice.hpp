// From the name of a kernel to the kernel.
#pragma once

#include "choices.hpp"
#include "kernels.hpp"

PHOTALIGN_ISA_BEGIN

template <class Body>
[[gnu::always_inline]] inline void with_kernel(Kernel kernel, Body body) {
  switch (kernel) {
    case Kernel::nearest:
      return body(Nearest{});
    case Kernel::linear:
      return body(Linear{});
    case Kernel::catmull_rom:
      return body(CatmullRom{});
    case Kernel::keys6:
      return body(Keys6{});
    case Kernel::bspline2:
      return body(BSpline2{});
    case Kernel::bspline3:
      return body(BSpline3{});
    case Kernel::bspline5:
      return body(BSpline5{});
  }
}

inline int taps_of(Kernel kernel) {
  int taps = 0;
  with_kernel(kernel, [&]<class K>(K) { taps = K::taps; });
  return taps;
}

inline int taps_before(Kernel kernel) {
  int before = 0;
  with_kernel(kernel, [&]<class K>(K) { before = K::before; });
  return before;
}

PHOTALIGN_ISA_END
