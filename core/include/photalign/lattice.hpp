// A non-owning, strided view of a signal, an image or a volume, as it is stored.
#pragma once

#include "image.hpp"

namespace photalign {

inline constexpr int max_dimension = 3;

// Axes are in the order of points: x, y, z. Axes that there are not have one pixel.
struct Lattice {
  const std::byte* data = nullptr;  // the pixel at index 0 of every axis
  DType dtype = DType::u8;
  bool is_swapped = false;  // the bytes of each number are in the other order
  int dimension = 2;
  std::int64_t size[max_dimension] = {1, 1, 1};
  std::int64_t stride[max_dimension] = {};  // in bytes, may be negative
  std::int64_t channels = 1;
  std::int64_t channel_stride = 0;
};

constexpr int bytes_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
    case DType::i8:
      return 1;
    case DType::u16:
    case DType::i16:
    case DType::f16:
      return 2;
    case DType::u32:
    case DType::i32:
    case DType::f32:
      return 4;
    case DType::f64:
      break;
  }
  return 8;
}

// Samples of these are computed in double, of all others in float.
constexpr bool needs_double(DType dtype) {
  return dtype == DType::f64 || dtype == DType::u32 || dtype == DType::i32;
}

}  // namespace photalign
