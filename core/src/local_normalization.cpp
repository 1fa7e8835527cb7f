// Mean and variance are smooth, so they are computed on a coarser grid, whose cells are blocks of
// the image's pixels, and interpolated linearly.
#include "photalign/local_normalization.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "photalign/float_rows.hpp"
#include "photalign/gaussian.hpp"
#include "photalign/noise_level.hpp"
#include "photalign/pyramid.hpp"
#include "photalign/uninitialized.hpp"

namespace photalign {
namespace {

constexpr std::int64_t band = 32;  // rows that are one piece of work

// Of the pixels under most windows, so many must be there.
constexpr float least_covered = 0.9f;
constexpr std::int64_t most_looked_at = 1 << 12;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

std::size_t as_size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Of wider windows an image is one block, too, and there is nothing left to be told apart.
double window_of(const Image& image, double window) {
  return std::min(window, 3.0 * static_cast<double>(std::max(image.width, image.height)));
}

// Blocks that a window is several of; the interpolation adds to the smoothing what they take away.
std::int64_t block_of(double window) {
  return std::max<std::int64_t>(1, std::llround(window / 2.5));
}

// What is left of the window's variance for the Gaussian, in blocks: blocks of b pixels have a
// variance of (b^2 - 1) / 12, and linear interpolation between their middles adds about b^2 / 6.
double sigma_in_blocks(double window, std::int64_t block) {
  const auto b = static_cast<double>(block);
  const double rest = block == 1 ? 0 : (b * b - 1) / 12 + b * b / 6;
  return std::sqrt(std::max(window * window - rest, 0.0)) / b;
}

class Normalization {
 public:
  Normalization(const Image& image, const Image& weight, const LocalNormalization& how,
                const Execution& execution)
      : rows_(image, weight, typical_value(image, weight)),
        execution_(execution),
        floor_(how.floor),
        block_(block_of(window_of(image, how.window))),
        gaussian_(sigma_in_blocks(window_of(image, how.window), block_)),
        coarse_height_((rows_.height() + block_ - 1) / block_),
        coarse_width_((rows_.width() + block_ - 1) / block_),
        stride_(coarse_width_ + 2 * gaussian_.radius()) {
    for (UninitializedFloats& sums : sums_)
      sums = uninitialized_floats(as_size(coarse_height_ * coarse_width_));
    for (UninitializedFloats* plane : {&mean_, &variance_, &covered_})
      *plane = uninitialized_floats(as_size(coarse_height_ * coarse_width_));
  }

  void run(std::int64_t channel, float* plane) {
    channel_ = channel;
    noise_ = floor_ * noise_level(rows_, channel);
    in_bands(coarse_height_, [&](std::int64_t first, std::int64_t last) { add_up(first, last); });
    in_bands(coarse_height_, [&](std::int64_t first, std::int64_t last) { smooth(first, last); });
    drop_borders();
    in_bands(rows_.height(),
             [&](std::int64_t first, std::int64_t last) { normalize(first, last, plane); });
  }

 private:
  enum Sum { count, values, squares, sums };

  template <class Body>
  void in_bands(std::int64_t height, const Body& body) const {
    parallel_for(execution_, (height + band - 1) / band,
                 [&](std::int64_t i, int) { body(i * band, std::min(height, (i + 1) * band)); });
  }

  float* coarse_row(Sum sum, std::int64_t y) const { return sums_[sum].get() + y * coarse_width_; }

  // Sums over the valid pixels of each block, smoothed along the rows.
  void add_up(std::int64_t first, std::int64_t last) const {
    std::vector<float> row(as_size(rows_.width())), blocks(as_size(stride_));
    std::vector<float> columns[sums];  // of one row of blocks
    for (std::vector<float>& each : columns) each.resize(row.size());
    for (std::int64_t y = first; y < last; ++y) {
      for (std::vector<float>& each : columns) std::fill(each.begin(), each.end(), 0.0f);
      const std::int64_t end = std::min(rows_.height(), (y + 1) * block_);
      for (std::int64_t fine = y * block_; fine < end; ++fine) {
        rows_.read(fine, channel_, row.data());
        add_row(row.data(), columns[count].data(), columns[values].data(), columns[squares].data());
      }
      for (int sum = 0; sum < sums; ++sum) {
        add_columns(columns[sum].data(), blocks.data() + gaussian_.radius());
        gaussian_.along(blocks.data() + gaussian_.radius(), coarse_width_,
                        coarse_row(static_cast<Sum>(sum), y));
      }
    }
  }

  void add_row(const float* __restrict row, float* __restrict n, float* __restrict s,
               float* __restrict q) const {
    for (std::int64_t x = 0; x < rows_.width(); ++x) {
      const bool is_valid = row[x] == row[x];
      const float used = is_valid ? row[x] : 0.0f;
      n[x] += is_valid ? 1.0f : 0.0f;
      s[x] += used;
      q[x] += used * used;
    }
  }

  // The columns of each block; the last may have fewer.
  void add_columns(const float* __restrict columns, float* __restrict blocks) const {
    const std::int64_t whole = rows_.width() / block_;
    if (block_ == 2) {  // as it is by default, where there are most
      for (std::int64_t i = 0; i < whole; ++i) blocks[i] = columns[2 * i] + columns[2 * i + 1];
    } else {
      for (std::int64_t i = 0; i < whole; ++i) {
        blocks[i] = 0;
        for (std::int64_t k = 0; k < block_; ++k) blocks[i] += columns[i * block_ + k];
      }
    }
    if (whole < coarse_width_) blocks[whole] = 0;
    for (std::int64_t x = whole * block_; x < rows_.width(); ++x) blocks[whole] += columns[x];
  }

  // Down the columns; then sums become means and factors.
  void smooth(std::int64_t first, std::int64_t last) const {
    std::vector<float> smoothed[sums];
    for (std::vector<float>& each : smoothed) each.resize(as_size(coarse_width_));
    for (std::int64_t y = first; y < last; ++y) {
      for (int sum = 0; sum < sums; ++sum)
        smooth_row(static_cast<Sum>(sum), y, smoothed[sum].data());
      float* mean = mean_.get() + y * coarse_width_;
      float* covered = covered_.get() + y * coarse_width_;
      float* variance = variance_.get() + y * coarse_width_;
      const auto noise = static_cast<float>(noise_ * noise_);
      for (std::int64_t x = 0; x < coarse_width_; ++x) {
        // Without a valid pixel there is nothing to be normalized.
        covered[x] = smoothed[count][as_size(x)];
        const float share = 1 / std::max(smoothed[count][as_size(x)], 1e-12f);
        const float m = smoothed[values][as_size(x)] * share;
        mean[x] = m;
        variance[x] = std::max(smoothed[squares][as_size(x)] * share - m * m, 0.0f) + noise;
      }
    }
  }

  // A window that a border or a mask cuts has another mean than one that shows the same and is
  // whole in the other image. Missing pixels that are spread evenly do no harm.
  void drop_borders() {
    const std::int64_t cells = coarse_height_ * coarse_width_;
    const std::int64_t step = std::max<std::int64_t>(1, cells / most_looked_at);
    std::vector<float> seen;
    for (std::int64_t i = step / 2; i < cells; i += step)
      if (covered_[as_size(i)] > 0) seen.push_back(covered_[as_size(i)]);
    if (seen.empty()) return;
    const auto middle = seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 2);
    std::nth_element(seen.begin(), middle, seen.end());
    const float least = least_covered * *middle;
    for (std::int64_t i = 0; i < cells; ++i)
      if (covered_[as_size(i)] < least) mean_[as_size(i)] = nan;
  }

  // Beyond the image there is nothing to be added.
  void smooth_row(Sum sum, std::int64_t y, float* __restrict to) const {
    const float* middle = coarse_row(sum, y);
    if (y >= gaussian_.radius() && y + gaussian_.radius() < coarse_height_)
      return gaussian_.across(middle, coarse_width_, coarse_width_, to);
    const float first = gaussian_.weight(0);
    for (std::int64_t x = 0; x < coarse_width_; ++x) to[x] = first * middle[x];
    for (std::int64_t k = 1; k <= gaussian_.radius(); ++k) {
      const float w = gaussian_.weight(k);
      const bool has_above = y >= k, has_below = y + k < coarse_height_;
      if (!has_above && !has_below) break;
      const float* above = coarse_row(sum, has_above ? y - k : y + k);
      const float* below = coarse_row(sum, has_below ? y + k : y - k);
      if (has_above && has_below)
        for (std::int64_t x = 0; x < coarse_width_; ++x) to[x] += w * (above[x] + below[x]);
      else
        for (std::int64_t x = 0; x < coarse_width_; ++x) to[x] += w * above[x];
    }
  }

  // Where a pixel lies between the middles of blocks.
  struct Place {
    std::int64_t first, second;
    float share;  // of the second
  };

  Place place_of(std::int64_t pixel, std::int64_t length) const {
    const double at = (static_cast<double>(pixel) + 0.5) / static_cast<double>(block_) - 0.5;
    const double below = std::floor(at);
    const auto first = static_cast<std::int64_t>(below);
    return {std::clamp<std::int64_t>(first, 0, length - 1),
            std::clamp<std::int64_t>(first + 1, 0, length - 1), static_cast<float>(at - below)};
  }

  void normalize(std::int64_t first, std::int64_t last, float* plane) const {
    const std::int64_t width = rows_.width();
    // With a neighbor on each side, so that nothing has to be asked in the loop.
    std::vector<float> coarse(as_size(coarse_width_ + 2));
    std::vector<float> mean(as_size((coarse_width_ + 1) * block_)), variance(mean.size());
    for (std::int64_t y = first; y < last; ++y) {
      const Place at = place_of(y, coarse_height_);
      refine(mean_.get(), at, coarse, mean);
      refine(variance_.get(), at, coarse, variance);
      const float* __restrict m = mean.data();
      const float* __restrict v = variance.data();
      float* __restrict to = plane + y * width;
      rows_.read(y, channel_, to);
      for (std::int64_t x = 0; x < width; ++x) to[x] = (to[x] - m[x]) / std::sqrt(v[x]);
    }
  }

  // A row of the image between the rows of blocks.
  void refine(const float* plane, const Place& at, std::vector<float>& coarse,
              std::vector<float>& row) const {
    const float* a = plane + at.first * coarse_width_;
    const float* b = plane + at.second * coarse_width_;
    float* middle = coarse.data() + 1;
    for (std::int64_t x = 0; x < coarse_width_; ++x) middle[x] = a[x] + at.share * (b[x] - a[x]);
    coarse.front() = middle[0];
    coarse.back() = middle[coarse_width_ - 1];
    // Pixel k of every block lies equally far from its middle.
    for (std::int64_t k = 0; k < block_; ++k) {
      const double from_middle = (static_cast<double>(k) + 0.5) / static_cast<double>(block_) - 0.5;
      const float* left = from_middle < 0 ? coarse.data() : middle;
      const auto share = static_cast<float>(from_middle < 0 ? 1 + from_middle : from_middle);
      float* to = row.data() + k;
      for (std::int64_t x = 0; x < coarse_width_; ++x)
        to[x * block_] = left[x] + share * (left[x + 1] - left[x]);
    }
  }

  FloatRows rows_;
  const Execution& execution_;
  double floor_;
  std::int64_t block_;
  Gaussian gaussian_;
  std::int64_t coarse_height_, coarse_width_, stride_;
  std::int64_t channel_ = 0;
  double noise_ = 0;
  UninitializedFloats sums_[sums];
  UninitializedFloats mean_, variance_, covered_;
};

}  // namespace

void normalize_locally(const Image& image, const Image& weight, const LocalNormalization& how,
                       float* planes, const Execution& execution) {
  Normalization normalization(image, weight, how, execution);
  for (std::int64_t channel = 0; channel < image.channels; ++channel)
    normalization.run(channel, planes + channel * image.height * image.width);
}

}  // namespace photalign
