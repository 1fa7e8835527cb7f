#include "photalign/pyramid.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace photalign {
namespace {

// Pixels a side that are looked at.
constexpr std::int64_t wanted = 32;

template <class T>
T number_at(const std::byte* at) {
  T number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

bool is_valid(const Image& weight, std::int64_t y, std::int64_t x) {
  const std::byte* at = weight.at(y, x, 0);
  return weight.dtype == DType::u8 ? number_at<std::uint8_t>(at) != 0 : number_at<float>(at) > 0;
}

// The mean of the first channel's finite values.
template <class T>
double mean_of(const Image& image, const Image& weight) {
  const std::int64_t step_y = std::max<std::int64_t>(1, image.height / wanted);
  const std::int64_t step_x = std::max<std::int64_t>(1, image.width / wanted);
  double total = 0;
  std::int64_t count = 0;
  for (std::int64_t y = step_y / 2; y < image.height; y += step_y)
    for (std::int64_t x = step_x / 2; x < image.width; x += step_x) {
      if (weight && !is_valid(weight, y, x)) continue;
      const auto value = static_cast<double>(number_at<T>(image.at(y, x, 0)));
      if (!std::isfinite(value)) continue;
      total += value;
      ++count;
    }
  return count == 0 ? 0 : total / static_cast<double>(count);
}

}  // namespace

// Integers stay exact, and so do floats whose exponent is near the mean's.
double typical_value(const Image& image, const Image& weight) {
  switch (image.dtype) {
    case DType::u8:
      return std::round(mean_of<std::uint8_t>(image, weight));
    case DType::u16:
      return std::round(mean_of<std::uint16_t>(image, weight));
    case DType::f32:
      return static_cast<float>(mean_of<float>(image, weight));
    case DType::f64:
      return static_cast<float>(mean_of<double>(image, weight));
    default:
      return 0;  // not a type that is aligned
  }
}

}  // namespace photalign
