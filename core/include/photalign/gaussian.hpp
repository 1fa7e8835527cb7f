// Smoothing by a sampled Gaussian, row by row.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace photalign {

// Weights of a Gaussian at the pixels, cut off after three standard deviations; one side, the
// middle first. They add up to 1.
class Gaussian {
 public:
  explicit Gaussian(double sigma) : weights_(static_cast<std::size_t>(reach(sigma)) + 1) {
    double total = 0;
    std::vector<double> weights(weights_.size(), 1.0);
    for (std::size_t k = 1; k < weights.size(); ++k) {
      const double z = static_cast<double>(k) / sigma;
      weights[k] = std::exp(-z * z / 2);
      total += 2 * weights[k];
    }
    for (std::size_t k = 0; k < weights.size(); ++k)
      weights_[k] = static_cast<float>(weights[k] / (1 + total));
  }

  std::int64_t radius() const { return static_cast<std::int64_t>(weights_.size()) - 1; }

  float weight(std::int64_t k) const { return weights_[static_cast<std::size_t>(std::abs(k))]; }

  // to[x] for x in [0, width) of from[x - radius .. x + radius]; the two must not overlap.
  void along(const float* from, std::int64_t width, float* __restrict to) const {
    apply(from, 1, width, to);
  }

  // The same down columns: rows are `stride` floats apart.
  void across(const float* from, std::int64_t stride, std::int64_t width,
              float* __restrict to) const {
    apply(from, stride, width, to);
  }

 private:
  // Two weights at a time: reading and writing `to` takes as long as the arithmetic.
  void apply(const float* from, std::int64_t step, std::int64_t width, float* __restrict to) const {
    const float first = weights_[0];
    for (std::int64_t x = 0; x < width; ++x) to[x] = first * from[x];
    std::int64_t k = 1;
    for (; k < radius(); k += 2) {
      const float near = weight(k), far = weight(k + 1);
      const float *a = from - k * step, *b = from + k * step;
      const float *c = a - step, *d = b + step;
      for (std::int64_t x = 0; x < width; ++x) to[x] += near * (a[x] + b[x]) + far * (c[x] + d[x]);
    }
    if (k > radius()) return;
    const float last = weight(k);
    const float *a = from - k * step, *b = from + k * step;
    for (std::int64_t x = 0; x < width; ++x) to[x] += last * (a[x] + b[x]);
  }

  // What a narrower one adds to its neighbors is nothing.
  static std::int64_t reach(double sigma) {
    return sigma < 0.2 ? 0 : static_cast<std::int64_t>(std::ceil(3 * sigma));
  }

  std::vector<float> weights_;
};

}  // namespace photalign
