#include "photalign/float_rows.hpp"

#include <cstring>
#include <limits>
#include <type_traits>

namespace photalign {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

template <class T>
T number_at(const std::byte* at) {
  T number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

template <class T>
float as_float(T number, double offset) {
  if constexpr (!std::is_floating_point_v<T>)
    return static_cast<float>(number) - static_cast<float>(offset);
  else {
    const auto value = static_cast<float>(static_cast<double>(number) - offset);
    return value - value == 0 ? value : nan;
  }
}

// A stride that is known at compile time lets the loop be vectorized.
template <class T>
void read_row(const std::byte* from, std::int64_t stride, std::int64_t width, double offset,
              float* to) {
  constexpr std::int64_t size = sizeof(T);
  if (stride == size)
    for (std::int64_t x = 0; x < width; ++x)
      to[x] = as_float(number_at<T>(from + x * size), offset);
  else
    for (std::int64_t x = 0; x < width; ++x)
      to[x] = as_float(number_at<T>(from + x * stride), offset);
}

template <class T>
void drop_unweighted(const std::byte* weight, std::int64_t stride, std::int64_t width, float* row) {
  for (std::int64_t x = 0; x < width; ++x)
    row[x] = number_at<T>(weight + x * stride) > 0 ? row[x] : nan;
}

}  // namespace

void FloatRows::read(std::int64_t y, std::int64_t channel, float* to) const {
  read_channel(y, channel, to);
  const bool may_be_nan = image_.dtype == DType::f32 || image_.dtype == DType::f64;
  if (may_be_nan)
    for (std::int64_t other = 0; other < channels(); ++other) {
      if (other == channel) continue;
      for (std::int64_t x = 0; x < width(); ++x) {
        const std::byte* at = image_.at(y, x, other);
        const float value = image_.dtype == DType::f32 ? as_float(number_at<float>(at), 0)
                                                       : as_float(number_at<double>(at), offset_);
        to[x] = value == value ? to[x] : nan;
      }
    }
  drop_invalid(y, to);
}

void FloatRows::read_mean(std::int64_t y, float* to, float* room) const {
  read_channel(y, 0, to);
  for (std::int64_t channel = 1; channel < channels(); ++channel) {
    read_channel(y, channel, room);
    for (std::int64_t x = 0; x < width(); ++x) to[x] += room[x];
  }
  const float share = 1 / static_cast<float>(channels());
  for (std::int64_t x = 0; x < width(); ++x) to[x] *= share;
  drop_invalid(y, to);
}

void FloatRows::read_channel(std::int64_t y, std::int64_t channel, float* to) const {
  const std::byte* from = image_.at(y, 0, channel);
  switch (image_.dtype) {
    case DType::u8:
      return read_row<std::uint8_t>(from, image_.column_stride, width(), offset_, to);
    case DType::u16:
      return read_row<std::uint16_t>(from, image_.column_stride, width(), offset_, to);
    case DType::f32:
      return read_row<float>(from, image_.column_stride, width(), offset_, to);
    default:
      return read_row<double>(from, image_.column_stride, width(), offset_, to);
  }
}

void FloatRows::drop_invalid(std::int64_t y, float* row) const {
  if (!weight_) return;
  const std::byte* weight = weight_.at(y, 0, 0);
  if (weight_.dtype == DType::f32)
    drop_unweighted<float>(weight, weight_.column_stride, width(), row);
  else
    drop_unweighted<std::uint8_t>(weight, weight_.column_stride, width(), row);
}

}  // namespace photalign
