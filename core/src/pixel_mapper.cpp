#include "photalign/pixel_mapper.hpp"

#include <algorithm>

#include "photalign/linearize_functions.hpp"
#include "photalign/variants.hpp"

namespace photalign {
namespace {

constexpr std::size_t widest_vector = 16;  // floats

// Room for so many numbers in each of `planes`, and for a vector more that may be read.
std::size_t plane_size(std::int64_t count) {
  return (static_cast<std::size_t>(count) / widest_vector + 2) * widest_vector;
}

template <class T>
void at_least(std::vector<T>& room, std::size_t size) {
  if (room.size() < size) room.resize(size);
}

}  // namespace

StripMapper::StripMapper(const PointWarp& warp) : warp_(warp) {
  parameters = warp.parameters();
  const auto n = static_cast<std::size_t>(parameters);
  rows_.resize(motion_rows(n) * row_floats);
  sums_.resize(2 * motion_sums(n) * widest_vector);
  rows = rows_.data();
  sums = sums_.data();
  map = [](PixelMapper& self, std::int64_t x, std::int64_t y, std::int64_t width,
           std::int64_t height, bool with_motion) {
    return static_cast<StripMapper&>(self).mapped({x, y, width, height}, with_motion);
  };
}

void StripMapper::begin(const LevelGrid& grid, const std::vector<double>& params) {
  grid_ = grid;
  params_ = params;
  usable_ = {};
}

MappedPixels StripMapper::mapped(const Region& wanted, bool with_motion) {
  if (!usable_.contains(wanted) || (with_motion && !has_motion_)) map_strip(wanted, with_motion);
  const std::size_t size = plane_size(strip_.width * strip_.height);
  MappedPixels pixels{.x = strip_.x, .y = strip_.y, .stride = strip_.width};
  pixels.inverse = frames_.data() + 4 * size;
  pixels.motion = motions_.data();
  pixels.plane = static_cast<std::int64_t>(size);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    pixels.position[axis] = positions_.data() + axis * size;
    for (std::size_t by = 0; by < 2; ++by)
      pixels.frame[axis][by] = frames_.data() + (2 * axis + by) * size;
  }
  return pixels;
}

void StripMapper::map_strip(const Region& wanted, bool with_motion) {
  usable_ = wanted;
  usable_.width =
      std::clamp(warp_.worthwhile() / wanted.height, wanted.width, grid_.width - wanted.x);
  // Differences need a neighbor on each side, if there is one.
  const std::int64_t margin = with_motion ? 1 : 0;
  strip_.x = std::max<std::int64_t>(usable_.x - margin, 0);
  strip_.y = std::max<std::int64_t>(usable_.y - margin, 0);
  strip_.width = std::min(usable_.x + usable_.width + margin, grid_.width) - strip_.x;
  strip_.height = std::min(usable_.y + usable_.height + margin, grid_.height) - strip_.y;
  has_motion_ = with_motion;

  const std::int64_t count = strip_.width * strip_.height;
  const std::size_t size = plane_size(count);
  at_least(points_, 2 * size);
  at_least(mapped_, 2 * size);
  at_least(positions_, 2 * size);
  const LinearizeFunctions& functions = *variant().linearize;
  const PixelGrid pixels{strip_.x, strip_.y, strip_.width, strip_.height, grid_.scale, grid_.shift};
  functions.list_points(pixels, points_.data());
  if (with_motion) {
    at_least(frames_, 5 * size);
    at_least(motions_, 2 * static_cast<std::size_t>(parameters) * size);
  }
  warp_.map(params_.data(), count, points_.data(), mapped_.data(),
            with_motion ? motions_.data() : nullptr, static_cast<std::int64_t>(size));
  functions.list_positions(pixels, mapped_.data(), positions_.data(), positions_.data() + size);
  if (!with_motion) return;

  MappedStrip strip{.width = strip_.width, .height = strip_.height};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    strip.position[axis] = positions_.data() + axis * size;
    for (std::size_t by = 0; by < 2; ++by)
      strip.frame[axis][by] = frames_.data() + (2 * axis + by) * size;
  }
  strip.inverse = frames_.data() + 4 * size;
  strip.motion = motions_.data();
  strip.plane = static_cast<std::int64_t>(size);
  strip.parameters = parameters;
  strip.scale = static_cast<float>(1 / grid_.scale);
  functions.find_reference_frame(strip);
}

StripMappers::StripMappers(const PointWarp& warp, int threads) {
  for (int i = 0; i < 2 * std::max(threads, 1); ++i)
    mappers_.push_back(std::make_unique<StripMapper>(warp));
}

void StripMappers::begin(int estimate, const LevelGrid& grid, const std::vector<double>& params) {
  for (std::size_t i = static_cast<std::size_t>(estimate); i < mappers_.size(); i += 2)
    mappers_[i]->begin(grid, params);
}

}  // namespace photalign
