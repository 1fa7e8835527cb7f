// Motions of warped points, turned into motions of the pixels that they come from.
//
// A warp's parameters move the point W(x) by dW/dp. To first order that is what moving x by
// (dW/dx)^-1 dW/dp does, and so warps that are functions fit the same equations as the polynomials
// of `warps.hpp`, for the gradient of either image. dW/dx are differences between pixels: the warp
// is sampled there anyway, and an error in them changes the weights of pixels a little, not where
// the residuals vanish.
#pragma once

#include <limits>

#include "mapped_pixels.hpp"
#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

// d[i] = derivative of `from` along one of its axes, `step` apart, at place `at` of `count`.
inline void differentiate(const double* from, std::int64_t step, std::int64_t at,
                          std::int64_t count, std::int64_t width, float* d) {
  if (at > 0 && at < count - 1) {
    for (std::int64_t i = 0; i < width; ++i)
      d[i] = static_cast<float>(0.5 * (from[i + step] - from[i - step]));
    return;
  }
  if (at > 0) step = -step;  // the other end: the same backwards
  const double sign = at > 0 ? -1 : 1;
  for (std::int64_t i = 0; i < width; ++i) {
    const double second = count > 2 ? from[i + 2 * step] - 2 * from[i + step] + from[i] : 0;
    d[i] = static_cast<float>(sign * (from[i + step] - from[i] - 0.5 * second));
  }
}

inline void find_frames(const MappedStrip& strip) {
  const std::int64_t width = strip.width;
  for (int axis = 0; axis < 2; ++axis)
    for (std::int64_t row = 0; row < strip.height; ++row) {
      const double* from = strip.position[axis] + row * width;
      differentiate(from, width, row, strip.height, width, strip.frame[axis][1] + row * width);
      float* along = strip.frame[axis][0] + row * width;
      if (width > 2) differentiate(from + 1, 1, 1, width, width - 2, along + 1);
      for (const std::int64_t end : {std::int64_t{0}, width - 1})
        differentiate(from + end, 1, end, width, 1, along + end);
    }
}

// Finds the frames, and turns the motions of a strip in place. Where anything is not finite,
// nothing moves and there is no position.
inline void to_reference_frame(const MappedStrip& strip) {
  find_frames(strip);
  const std::int64_t count = strip.width * strip.height;
  for (std::int64_t i = 0; i < count; i += lanes) {
    const Float a = load(strip.frame[0][0] + i), b = load(strip.frame[0][1] + i);
    const Float c = load(strip.frame[1][0] + i), d = load(strip.frame[1][1] + i);
    const Float inverse = strip.scale / (a * d - b * c);
    Float check = inverse;
    for (int k = 0; k < strip.parameters; ++k) {
      float* x = strip.motion + 2 * k * strip.plane + i;
      float* y = x + strip.plane;
      const Float u = load(x), v = load(y);
      const Float moved_x = (d * u - b * v) * inverse;
      const Float moved_y = (a * v - c * u) * inverse;
      check += moved_x + moved_y;
      store(x, moved_x);
      store(y, moved_y);
    }
    const Int valid = is_finite(check);
    if (all_true(valid)) continue;
    const auto clear = [valid, i](float* row) {
      store(row + i, select(valid, load(row + i), Float{}));
    };
    for (int k = 0; k < 2 * strip.parameters; ++k) clear(strip.motion + k * strip.plane);
    for (int axis = 0; axis < 2; ++axis)
      for (int by = 0; by < 2; ++by) clear(strip.frame[axis][by]);
    for (int lane = 0; lane < lanes && i + lane < count; ++lane)
      if (!valid[lane]) strip.position[0][i + lane] = std::numeric_limits<double>::quiet_NaN();
  }
}

PHOTALIGN_ISA_END
