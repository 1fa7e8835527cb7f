// NumPy arrays as views of the core.
//
// Shapes, dtypes and choices are checked in Python, where the messages are; what is checked here
// only keeps memory safe, and an error from here is a mistake of ours.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>

#include "photalign/image.hpp"

namespace photalign {

namespace nb = nanobind;

// Any strides and element type, read only.
using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;

template <class... Args>
DType dtype_of(const nb::ndarray<Args...>& array) {
  if (array.dtype() == nb::dtype<std::uint8_t>()) return DType::u8;
  if (array.dtype() == nb::dtype<std::uint16_t>()) return DType::u16;
  if (array.dtype() == nb::dtype<float>()) return DType::f32;
  if (array.dtype() == nb::dtype<double>()) return DType::f64;
  throw std::invalid_argument("expected uint8, uint16, float32 or float64");
}

// The pixels of an array of shape (height, width, channels), not copied.
inline Image image_view(const AnyArray& array) {
  if (array.ndim() != 3 || array.size() == 0)
    throw std::invalid_argument("expected an image of shape (height, width, channels)");
  const auto size = static_cast<std::int64_t>(array.itemsize());
  return {.data = static_cast<const std::byte*>(array.data()),
          .dtype = dtype_of(array),
          .height = static_cast<std::int64_t>(array.shape(0)),
          .width = static_cast<std::int64_t>(array.shape(1)),
          .channels = static_cast<std::int64_t>(array.shape(2)),
          .row_stride = array.stride(0) * size,
          .column_stride = array.stride(1) * size,
          .channel_stride = array.stride(2) * size};
}

}  // namespace photalign
