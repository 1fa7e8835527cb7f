// A non-owning, strided view of an image as it is stored: [row, column, channel].
#pragma once

#include <cstddef>
#include <cstdint>

namespace photalign {

// Images to be aligned have one of the first four types; samplers read them all.
enum class DType : int { u8, u16, f32, f64, i8, i16, u32, i32, f16 };

struct Image {
  const std::byte* data = nullptr;
  DType dtype = DType::u8;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 1;
  std::int64_t row_stride = 0;  // strides are in bytes and may be negative
  std::int64_t column_stride = 0;
  std::int64_t channel_stride = 0;

  explicit operator bool() const { return data != nullptr; }

  const std::byte* at(std::int64_t row, std::int64_t column, std::int64_t channel) const {
    return data + row * row_stride + column * column_stride + channel * channel_stride;
  }
};

// Pixels [x, x + width) x [y, y + height).
struct Rect {
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
};

}  // namespace photalign
