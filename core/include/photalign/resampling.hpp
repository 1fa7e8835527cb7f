// One row of an image that shows a sampler through a homography: warp, sample and store, by blocks.
#pragma once

#include <type_traits>

#include "sampling_functions.hpp"

PHOTALIGN_ISA_BEGIN

inline constexpr int block = 128;  // pixels

// A pixel on the border stays there when rounding moves it out of the image.
inline double kept_inside(double x, double last) {
  constexpr double rounding = 1e-9;
  if (x < 0) return x > -rounding ? 0 : x;
  return x > last && x < last + rounding ? last : x;
}

// The points of an image that the pixels [first, first + count) of a row show.
inline void warp_pixels(const double* h, const Image& image, std::int64_t row, std::int64_t first,
                        int count, double* x, double* y) {
  const auto last_x = static_cast<double>(image.width - 1);
  const auto last_y = static_cast<double>(image.height - 1);
  const auto v = static_cast<double>(row);
  const double x0 = h[1] * v + h[2], y0 = h[4] * v + h[5], depth0 = h[7] * v + h[8];
  for (int k = 0; k < count; ++k) {
    const auto u = static_cast<double>(first + k);
    const double depth = h[6] * u + depth0;
    const double visible = depth > 0 ? depth : __builtin_nan("");
    x[k] = kept_inside((h[0] * u + x0) / visible, last_x);
    y[k] = kept_inside((h[3] * u + y0) / visible, last_y);
  }
}

// Integers are rounded half to even and saturated.
template <class S, class T>
void store_values(const S* from, std::int64_t count, T* to) {
  for (std::int64_t k = 0; k < count; ++k) {
    if constexpr (std::is_floating_point_v<T>) {
      to[k] = static_cast<T>(from[k]);
    } else {
      // Beside a number this large there is no room for a fraction.
      constexpr S large = std::is_same_v<S, float> ? S(0x1.8p23) : S(0x1.8p52);
      constexpr S most = static_cast<T>(-1);
      const S positive = from[k] > 0 ? from[k] : 0;
      const S saturated = positive < most ? positive : most;
      to[k] = static_cast<T>(static_cast<int>((saturated + large) - large));
    }
  }
}

// `data` holds the type that `dtype` says; writing begins at its element `first`.
template <class S>
void store_values(const S* from, std::int64_t count, void* data, DType dtype, std::int64_t first) {
  switch (dtype) {
    case DType::u8:
      return store_values(from, count, static_cast<std::uint8_t*>(data) + first);
    case DType::u16:
      return store_values(from, count, static_cast<std::uint16_t*>(data) + first);
    case DType::f32:
      return store_values(from, count, static_cast<float*>(data) + first);
    case DType::f64:
      return store_values(from, count, static_cast<double*>(data) + first);
  }
}

PHOTALIGN_ISA_END
