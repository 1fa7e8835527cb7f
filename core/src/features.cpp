// Bands of rows are smoothed and turned into features while they are in the cache.
#include "photalign/features.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "photalign/feature_rows.hpp"
#include "photalign/float_rows.hpp"
#include "photalign/noise_level.hpp"
#include "photalign/pyramid.hpp"

namespace photalign {
namespace {

constexpr std::int64_t band_height = 64;
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// Neighbors that the census compares a pixel with, px of the reference. The opposite ones would
// make the same planes once more, with another sign and moved by the distance.
constexpr double neighbors[4][2] = {{2, 0}, {0, 2}, {2, 2}, {2, -2}};

std::size_t as_size(std::int64_t n) { return static_cast<std::size_t>(n); }

double magnification(const Features& how) {
  return std::sqrt(std::abs(how.frame[0][0] * how.frame[1][1] - how.frame[0][1] * how.frame[1][0]));
}

// Rows and columns that a difference reaches beyond its pixel.
std::int64_t reach_of(const Features& how) {
  if (how.kind != FeatureKind::census) return 1;
  double reach = 0;
  for (const auto& [x, y] : neighbors)
    for (const auto& row : how.frame) reach = std::max(reach, std::abs(row[0] * x + row[1] * y));
  return static_cast<std::int64_t>(std::ceil(reach)) + 1;
}

class FeatureBands {
 public:
  FeatureBands(const Image& image, const Image& weight, const Features& how, float* planes)
      : rows_(image, weight, typical_value(image, weight)),
        how_(how),
        planes_(planes),
        smoothing_(how.smoothing * magnification(how)),
        reach_(reach_of(how)),
        stride_(image.width + 2 * margin()),
        gradient_(how) {
    double noise = 0;  // variance, of the sum of the channels or of their mean
    for (std::int64_t c = 0; c < image.channels; ++c) {
      const double deviation = noise_level(rows_, c);
      noise += deviation * deviation;
    }
    const auto channels = static_cast<double>(image.channels);
    if (how.kind != FeatureKind::orientation) noise /= channels * channels;
    noise *= how.kind == FeatureKind::census ? comparison_gain() : gradient_gain();
    threshold_ = static_cast<float>(how.threshold * how.threshold * noise);
  }

  std::int64_t count() const { return (rows_.height() + band_height - 1) / band_height; }

  void make(std::int64_t band) const {
    const std::int64_t first = band * band_height;
    const std::int64_t last = std::min(rows_.height(), first + band_height);
    std::vector<float> smooth(as_size((last - first + 2 * reach_) * stride_), nan);
    if (how_.kind == FeatureKind::orientation) {
      add_orientation(first, last, smooth);
      return;
    }
    smooth_rows(first - reach_, last + reach_, -1, smooth.data());
    for (std::int64_t y = first; y < last; ++y) {
      const float* row = smooth.data() + (y - first + reach_) * stride_ + margin();
      how_.kind == FeatureKind::census ? compare(row, y) : split(row, y);
    }
  }

 private:
  std::int64_t margin() const { return std::max(smoothing_.radius(), reach_); }

  float* row_of(std::int64_t channel, std::int64_t y) const {
    return planes_ + (channel * rows_.height() + y) * rows_.width();
  }

  // The variance of |gradient|^2 / 2 of both components together is that of one.
  double gradient_gain() const { return 2 * gradient_.noise_gain(smoothing_); }

  double comparison_gain() const {
    double plain = 0;
    for (std::int64_t k = -smoothing_.radius(); k <= smoothing_.radius(); ++k) {
      const auto w = static_cast<double>(smoothing_.weight(k));
      plain += w * w;
    }
    return 2 * plain * plain;
  }

  // Rows [first, last) of a channel, or of the mean of all if it is negative; NaN outside.
  void smooth_rows(std::int64_t first, std::int64_t last, std::int64_t channel, float* to) const {
    const std::int64_t radius = smoothing_.radius(), width = rows_.width();
    const std::int64_t top = first - radius;
    std::vector<float> along(as_size((last - first + 2 * radius) * width), nan);
    std::vector<float> row(as_size(stride_), nan), room(as_size(width));
    for (std::int64_t y = std::max<std::int64_t>(0, top);
         y < std::min(rows_.height(), last + radius); ++y) {
      float* pixels = row.data() + margin();
      if (channel < 0)
        rows_.read_mean(y, pixels, room.data());
      else
        rows_.read(y, channel, pixels);
      smoothing_.along(pixels, width, along.data() + (y - top) * width);
    }
    for (std::int64_t y = first; y < last; ++y)
      smoothing_.across(along.data() + (y - top) * width, width, width,
                        to + (y - first) * stride_ + margin());
  }

  // (cos 2t, sin 2t) |g|^2 / (|g|^2 + e^2), the sums over the channels of numerator and
  // denominator.
  void add_orientation(std::int64_t first, std::int64_t last, std::vector<float>& smooth) const {
    const std::int64_t width = rows_.width();
    const FrameGradient gradient = gradient_;
    std::vector<float> squares(as_size((last - first) * width), threshold_);
    for (std::int64_t channel = 0; channel < 2; ++channel)
      std::fill_n(row_of(channel, first), (last - first) * width, 0.0f);
    for (std::int64_t channel = 0; channel < rows_.channels(); ++channel) {
      smooth_rows(first - reach_, last + reach_, channel, smooth.data());
      for (std::int64_t y = first; y < last; ++y) {
        const float* __restrict row = smooth.data() + (y - first + reach_) * stride_ + margin();
        float* __restrict cosine = row_of(0, y);
        float* __restrict sine = row_of(1, y);
        float* __restrict square = squares.data() + (y - first) * width;
        for (std::int64_t x = 0; x < width; ++x) {
          const auto [gx, gy] = gradient.at(row + x, stride_);
          cosine[x] += gx * gx - gy * gy;
          sine[x] += 2 * gx * gy;
          square[x] += gx * gx + gy * gy;
        }
      }
    }
    for (std::int64_t y = first; y < last; ++y) {
      float *cosine = row_of(0, y), *sine = row_of(1, y);
      const float* square = squares.data() + (y - first) * width;
      for (std::int64_t x = 0; x < width; ++x) {
        const float factor = 1 / square[x];
        cosine[x] *= factor;
        sine[x] *= factor;
      }
    }
  }

  // Positive and negative parts of both components of g / sqrt(|g|^2 + e^2).
  void split(const float* __restrict row, std::int64_t y) const {
    float* __restrict right = row_of(0, y);
    float* __restrict left = row_of(1, y);
    float* __restrict down = row_of(2, y);
    float* __restrict up = row_of(3, y);
    const FrameGradient gradient = gradient_;
    const float threshold = threshold_;
    for (std::int64_t x = 0; x < rows_.width(); ++x) {
      const auto [gx, gy] = gradient.at(row + x, stride_);
      const float factor = 1 / std::sqrt(gx * gx + gy * gy + threshold);
      const float u = gx * factor, v = gy * factor;
      // NaN stays NaN.
      right[x] = u < 0 ? 0 : u;
      left[x] = u > 0 ? 0 : -u;
      down[x] = v < 0 ? 0 : v;
      up[x] = v > 0 ? 0 : -v;
    }
  }

  // d / sqrt(d^2 + e^2) of the difference to each neighbor: a sign that noise does not flip.
  void compare(const float* row, std::int64_t y) const {
    const float threshold = threshold_;
    for (std::int64_t k = 0; k < 4; ++k) {
      float* to = row_of(k, y);
      Comparison(how_, neighbors[k][0], neighbors[k][1], stride_).subtract(row, rows_.width(), to);
      for (std::int64_t x = 0; x < rows_.width(); ++x)
        to[x] /= std::sqrt(to[x] * to[x] + threshold);
    }
  }

  FloatRows rows_;
  Features how_;
  float* planes_;
  Gaussian smoothing_;
  std::int64_t reach_, stride_;
  FrameGradient gradient_;
  float threshold_ = 0;
};

}  // namespace

std::int64_t feature_channels(FeatureKind kind) { return kind == FeatureKind::orientation ? 2 : 4; }

void compute_features(const Image& image, const Image& weight, const Features& how, float* planes,
                      const Execution& execution) {
  const FeatureBands bands(image, weight, how, planes);
  parallel_for(execution, bands.count(), [&](std::int64_t band, int) { bands.make(band); });
}

}  // namespace photalign
