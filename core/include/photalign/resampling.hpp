// The points that the pixels of an image show, and samples as pixels of any type.
#pragma once

#include <type_traits>

#include "sampling_functions.hpp"

PHOTALIGN_ISA_BEGIN

// Coordinates of the points of the pixels [first, first + count) of a row; NaN where the warp shows
// what lies behind.
inline void scene_points(const SceneView& scene, std::int64_t row, std::int64_t first, int count,
                         double* x, double* y) {
  const double* h = scene.matrix;
  const auto v = static_cast<double>(row), u0 = static_cast<double>(first);
  const double dx = h[0], dy = h[3], ddepth = h[6];
  const double x0 = h[1] * v + h[2], y0 = h[4] * v + h[5], depth0 = h[7] * v + h[8];
  const bool is_affine = h[6] == 0 && h[7] == 0 && h[8] == 1;
  for (int k = 0; k < count; ++k) {
    const double u = u0 + k;
    x[k] = dx * u + x0;
    y[k] = dy * u + y0;
  }
  if (is_affine) return;
  for (int k = 0; k < count; ++k) {
    const double depth = ddepth * (u0 + k) + depth0;
    const double visible = depth > 0 ? depth : __builtin_nan("");
    x[k] /= visible;
    y[k] /= visible;
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
      constexpr S least = std::is_signed_v<T> ? -S(T(1) << (8 * sizeof(T) - 2)) * 2 : S(0);
      constexpr S most = -(least + 1) > 0 ? -(least + 1) : S(static_cast<T>(-1));
      const S not_less = from[k] > least ? from[k] : least;
      const S saturated = not_less < most ? not_less : most;
      using Integer = std::conditional_t<(sizeof(T) < 4), int, std::int64_t>;
      to[k] = static_cast<T>(static_cast<Integer>((saturated + large) - large));
    }
  }
}

// `data` holds the type that `dtype` says; writing begins at its element `first`.
template <class S>
void store_values(const S* from, std::int64_t count, void* data, DType dtype, std::int64_t first) {
  switch (dtype) {
    case DType::u8:
      return store_values(from, count, static_cast<std::uint8_t*>(data) + first);
    case DType::i8:
      return store_values(from, count, static_cast<std::int8_t*>(data) + first);
    case DType::u16:
      return store_values(from, count, static_cast<std::uint16_t*>(data) + first);
    case DType::i16:
      return store_values(from, count, static_cast<std::int16_t*>(data) + first);
    case DType::u32:
      return store_values(from, count, static_cast<std::uint32_t*>(data) + first);
    case DType::i32:
      return store_values(from, count, static_cast<std::int32_t*>(data) + first);
    case DType::f32:
      return store_values(from, count, static_cast<float*>(data) + first);
    case DType::f64:
      return store_values(from, count, static_cast<double*>(data) + first);
    case DType::f16:
      break;  // resampled as float
  }
}

PHOTALIGN_ISA_END
