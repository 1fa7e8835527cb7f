// The levels of a pyramid are made in one sweep: while the rows of a level are in the cache, those
// of the next are made of them.
#include "photalign/pyramid.hpp"
#include "photalign/pyramid_functions.hpp"
#include "photalign/variants.hpp"

#include <algorithm>
#include <utility>

namespace photalign {
namespace {

// Rows of level 1 that one thread makes, with what the next levels can make of these alone.
constexpr std::int64_t band_height = 64;
// Floats of level 1 that stay in the cache until level 2 is made of them; rows, at least.
constexpr std::int64_t floats_at_once = 1 << 15;
constexpr std::int64_t least_rows_at_once = 16;
// Levels of which a band has rows.
constexpr int levels_of_band = 5;

// Rows have room for whole vectors.
std::int64_t stride_of(std::int64_t width) { return (width + 15) / 16 * 16; }

std::int64_t floats_of(std::int64_t height, std::int64_t width, std::int64_t channels) {
  return stride_of(width) * height * channels;
}

Image planes_at(float* data, std::int64_t height, std::int64_t width, std::int64_t channels) {
  constexpr std::int64_t size = sizeof(float);
  return {.data = reinterpret_cast<const std::byte*>(data),
          .dtype = DType::f32,
          .height = height,
          .width = width,
          .channels = channels,
          .row_stride = stride_of(width) * size,
          .column_stride = size,
          .channel_stride = stride_of(width) * height * size};
}

bool has_floats(const Image& image) {
  return image.dtype == DType::f32 || image.dtype == DType::f64;
}

struct Rows {
  std::int64_t first = 0, last = 0;
};

// Makes rows of levels 1 and up of those of the level below.
class Sweep {
 public:
  Sweep(const std::vector<Level>& levels, const Execution& execution)
      : levels_(levels),
        execution_(execution),
        may_be_invalid_(has_floats(levels[0].image) || levels[0].weight),
        bands_(std::max<std::int64_t>(1, height(1) / band_height)) {
    const std::int64_t floats = halving_floats(levels[0].image.width);
    rooms_.resize(
        static_cast<std::size_t>(std::min<std::int64_t>(bands_, std::max(1, execution.threads))));
    for (UninitializedFloats& room : rooms_)
      room = uninitialized_floats(static_cast<std::size_t>(floats));
  }

  void run() {
    const Execution execution{.threads = static_cast<int>(rooms_.size()),
                              .interrupted = execution_.interrupted};
    parallel_for(execution, bands_, [&](std::int64_t band, int worker) { sweep(band, worker); });
    if (bands_ > 1)
      parallel_for(execution, bands_ - 1,
                   [&](std::int64_t band, int worker) { join(band, worker); });
    for (int level = std::min(levels_of_band, top()) + 1; level <= top(); ++level)
      make(level, {0, height(level)}, 0);
  }

 private:
  int top() const { return static_cast<int>(levels_.size()) - 1; }

  std::int64_t height(int level) const {
    return levels_[static_cast<std::size_t>(level)].image.height;
  }

  // Up to which row a level can be made of what lies above row `border` of level 1, and from which
  // of what lies below: a pixel reaches one row beyond its two on either side.
  Rows beside(std::int64_t border, int level) const {
    Rows rows{border, border};
    for (int above = 1; above < level; ++above)
      rows = {(rows.first - 1) >> 1, (rows.last >> 1) + 1};
    return {std::min(rows.first, height(level)), std::min(rows.last, height(level))};
  }

  std::int64_t border(std::int64_t band) const {
    return band == bands_ ? height(1) : band * band_height;
  }

  // All rows of a band, a few at a time, and of these what can be made on the next levels.
  void sweep(std::int64_t band, int worker) {
    const int deepest = std::min(levels_of_band, top());
    std::int64_t done[levels_of_band + 1];
    for (int level = 1; level <= deepest; ++level)
      done[level] = band == 0 ? 0 : beside(border(band), level).last;
    const std::int64_t end = border(band + 1);
    const std::int64_t at_once =
        std::max(least_rows_at_once, floats_at_once / levels_[1].image.width);
    for (std::int64_t row = border(band); row < end;) {
      row = std::min(row + at_once, end);
      const bool is_last = row == height(1);
      for (int level = 1; level <= deepest; ++level) {
        const std::int64_t last = is_last ? height(level) : beside(row, level).first;
        make(level, {done[level], last}, worker);
        done[level] = std::max(done[level], last);
      }
    }
  }

  // The rows that need both a band and the next one.
  void join(std::int64_t band, int worker) {
    for (int level = 2; level <= std::min(levels_of_band, top()); ++level)
      make(level, beside(border(band + 1), level), worker);
  }

  void make(int level, Rows rows, int worker) {
    if (rows.first >= rows.last) return;
    const Level& finer = levels_[static_cast<std::size_t>(level - 1)];
    const Level& made = levels_[static_cast<std::size_t>(level)];
    float* room = rooms_[static_cast<std::size_t>(worker)].get();
    halve(finer.image, finer.weight, finer.offset, made.image, rows, room);
    // Where a pixel came out valid, its weight is the mean of the weights that made it.
    if (made.weight) halve(finer.weight, Image{}, 0, made.weight, rows, room);
  }

  void halve(const Image& from, const Image& weight, double offset, const Image& to, Rows rows,
             float* room) const {
    constexpr std::int64_t size = sizeof(float);
    // The planes are the pyramid's own.
    auto* data = reinterpret_cast<float*>(const_cast<std::byte*>(to.data));
    variant().pyramid->halve_rows(from, weight, offset, room,
                                  {.data = data,
                                   .stride = to.row_stride / size,
                                   .channel_stride = to.channel_stride / size,
                                   .first = rows.first,
                                   .last = rows.last,
                                   .may_be_invalid = may_be_invalid_});
  }

  const std::vector<Level>& levels_;
  const Execution& execution_;
  bool may_be_invalid_;  // of one level as of all
  std::int64_t bands_;
  std::vector<UninitializedFloats> rooms_;
};

}  // namespace

Pyramid::Pyramid(const Image& image, const Image& weight, double offset, int levels,
                 const Execution& execution) {
  levels_.push_back({image, weight, offset});
  if (levels == 1) return;
  const bool is_soft = weight && weight.dtype == DType::f32;
  std::int64_t floats = 0;
  for (int level = 1; level < levels; ++level)
    floats += floats_of(image.height >> level, image.width >> level, image.channels + is_soft);
  planes_ = uninitialized_floats(static_cast<std::size_t>(floats));
  float* next = planes_.get();
  const auto planes = [&](int level, std::int64_t channels) {
    const std::int64_t height = image.height >> level, width = image.width >> level;
    return planes_at(std::exchange(next, next + floats_of(height, width, channels)), height, width,
                     channels);
  };
  for (int level = 1; level < levels; ++level)
    levels_.push_back({planes(level, image.channels), is_soft ? planes(level, 1) : Image{}, 0});
  Sweep(levels_, execution).run();
}

}  // namespace photalign
