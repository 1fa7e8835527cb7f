// What each kind of feature makes of rows of smoothed pixels.
#pragma once

#include <cmath>
#include <cstdint>

#include "features.hpp"
#include "gaussian.hpp"

namespace photalign {

// Central differences of smoothed rows, turned into the frame of the reference.
class FrameGradient {
 public:
  explicit FrameGradient(const Features& how)
      : xx_(half(how.frame[0][0])),
        xy_(half(how.frame[1][0])),
        yx_(half(how.frame[0][1])),
        yy_(half(how.frame[1][1])) {}

  // The gradient at a pixel of a row; rows are `stride` apart.
  struct Vector {
    float x, y;
  };
  Vector at(const float* pixel, std::int64_t stride) const {
    const float along = pixel[1] - pixel[-1], across = pixel[stride] - pixel[-stride];
    return {xx_ * along + xy_ * across, yx_ * along + yy_ * across};
  }

  // Mean of the variances of both components, in units of that of a pixel.
  double noise_gain(const Gaussian& smoothing) const {
    double plain = 0, difference = 0;
    for (std::int64_t k = -smoothing.radius() - 1; k <= smoothing.radius() + 1; ++k) {
      const double here = tap(smoothing, k), change = tap(smoothing, k + 1) - tap(smoothing, k - 1);
      plain += here * here;
      difference += change * change;
    }
    const double squares = static_cast<double>(xx_ * xx_ + xy_ * xy_ + yx_ * yx_ + yy_ * yy_);
    return plain * difference * squares / 2;
  }

 private:
  static float half(double value) { return static_cast<float>(value / 2); }
  static double tap(const Gaussian& smoothing, std::int64_t k) {
    return std::abs(k) > smoothing.radius() ? 0 : static_cast<double>(smoothing.weight(k));
  }

  float xx_, xy_, yx_, yy_;
};

// The difference between the pixel at a fixed distance and the pixel itself.
class Comparison {
 public:
  Comparison(const Features& how, double x, double y, std::int64_t stride) {
    const double at_x = how.frame[0][0] * x + how.frame[0][1] * y;
    const double at_y = how.frame[1][0] * x + how.frame[1][1] * y;
    const double cell_x = std::floor(at_x), cell_y = std::floor(at_y);
    const double u = at_x - cell_x, v = at_y - cell_y;
    const double weights[2][2] = {{(1 - u) * (1 - v), u * (1 - v)}, {(1 - u) * v, u * v}};
    for (int j = 0; j < 2; ++j)
      for (int i = 0; i < 2; ++i) {
        // A pixel without a weight may be invalid.
        if (weights[j][i] < 1e-6) continue;
        places_[count_] = (static_cast<std::int64_t>(cell_y) + j) * stride +
                          static_cast<std::int64_t>(cell_x) + i;
        weights_[count_++] = static_cast<float>(weights[j][i]);
      }
  }

  // The differences of a row of pixels.
  void subtract(const float* row, std::int64_t width, float* __restrict to) const {
    for (std::int64_t x = 0; x < width; ++x) to[x] = -row[x];
    for (int k = 0; k < count_; ++k) {
      const float* there = row + places_[k];
      const float w = weights_[k];
      for (std::int64_t x = 0; x < width; ++x) to[x] += w * there[x];
    }
  }

 private:
  std::int64_t places_[4] = {};
  float weights_[4] = {};
  int count_ = 0;
};

}  // namespace photalign
