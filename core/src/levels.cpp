#include "photalign/pyramid.hpp"
#include "photalign/pyramid_functions.hpp"
#include "photalign/variants.hpp"

#include <cmath>
#include <cstring>

namespace photalign {
namespace {

Image plane(std::vector<float>& pixels, std::int64_t height, std::int64_t width,
            std::int64_t channels) {
  constexpr std::int64_t size = sizeof(float);
  return {.data = reinterpret_cast<const std::byte*>(pixels.data()),
          .dtype = DType::f32,
          .height = height,
          .width = width,
          .channels = channels,
          .row_stride = width * size,
          .column_stride = size,
          .channel_stride = width * height * size};
}

std::vector<float> halved(const Image& image, const Image& weight, double offset,
                          const Execution& execution) {
  const std::int64_t height = image.height / 2, width = image.width / 2;
  std::vector<float> pixels(static_cast<std::size_t>(height * width * image.channels));
  std::vector<std::vector<float>> rooms(
      static_cast<std::size_t>(execution.threads),
      std::vector<float>(static_cast<std::size_t>(5 * (image.width + 32))));
  constexpr std::int64_t rows_at_once = 16;
  const std::int64_t blocks = (height + rows_at_once - 1) / rows_at_once;
  parallel_for(execution, blocks * image.channels, [&](std::int64_t task, int worker) {
    const std::int64_t channel = task / blocks;
    const std::int64_t first = task % blocks * rows_at_once;
    for (std::int64_t row = first; row < std::min(first + rows_at_once, height); ++row)
      variant().pyramid->halve_row(image, weight, channel, offset, row,
                                   rooms[static_cast<std::size_t>(worker)].data(),
                                   pixels.data() + (channel * height + row) * width);
  });
  return pixels;
}

template <class T>
double number_at(const std::byte* at) {
  T number;
  std::memcpy(&number, at, sizeof number);
  return static_cast<double>(number);
}

// The first channel's value of a pixel.
double number_at(const Image& image, std::int64_t x, std::int64_t y) {
  const std::byte* at = image.at(y, x, 0);
  switch (image.dtype) {
    case DType::u8:
      return number_at<std::uint8_t>(at);
    case DType::u16:
      return number_at<std::uint16_t>(at);
    case DType::f32:
      return number_at<float>(at);
    case DType::f64:
      return number_at<double>(at);
    default:
      return 0;  // not a type that is aligned
  }
}

}  // namespace

Pyramid::Pyramid(const Image& image, const Image& weight, double offset, int levels,
                 const Execution& execution) {
  levels_.push_back({image, weight, offset});
  planes_.reserve(static_cast<std::size_t>(2 * levels));
  for (int level = 1; level < levels; ++level) {
    const Level& finer = levels_.back();
    const std::int64_t height = finer.image.height / 2, width = finer.image.width / 2;
    Level next;
    planes_.push_back(halved(finer.image, finer.weight, finer.offset, execution));
    next.image = plane(planes_.back(), height, width, image.channels);
    if (finer.weight && finer.weight.dtype == DType::f32) {
      // Where a pixel came out valid, its weight is the mean of the weights that made it.
      planes_.push_back(halved(finer.weight, Image{}, 0, execution));
      next.weight = plane(planes_.back(), height, width, 1);
    }
    levels_.push_back(next);
  }
}

double typical_value(const Image& image, const Image& weight) {
  constexpr std::int64_t wanted = 64;  // per side
  const std::int64_t step_y = std::max<std::int64_t>(1, image.height / wanted);
  const std::int64_t step_x = std::max<std::int64_t>(1, image.width / wanted);
  double total = 0;
  std::int64_t count = 0;
  for (std::int64_t y = step_y / 2; y < image.height; y += step_y)
    for (std::int64_t x = step_x / 2; x < image.width; x += step_x) {
      if (weight && !(number_at(weight, x, y) > 0)) continue;
      const double value = number_at(image, x, y);
      if (!std::isfinite(value)) continue;
      total += value;
      ++count;
    }
  if (count == 0) return 0;
  // Integers stay exact, and so do floats whose exponent is near the mean's.
  const double mean = total / static_cast<double>(count);
  const bool integer = image.dtype == DType::u8 || image.dtype == DType::u16;
  return integer ? std::round(mean) : static_cast<double>(static_cast<float>(mean));
}

}  // namespace photalign
