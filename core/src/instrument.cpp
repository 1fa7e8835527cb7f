#include "photalign/instrument.hpp"

#include <algorithm>
#include <cmath>

namespace photalign {
namespace {

// 0 up to `low`, 1 from `high` on.
double ramp(double v, double low, double high) {
  const double share = (v - low) / (high - low);
  return share > 0 ? std::min(share, 1.0) : 0.0;
}

}  // namespace

double edge_ratio(const ReviewSums& s) {
  return (s.texture_rr / s.texture) / (s.weighted_rr / s.weights);
}

float smoothness_of_instrument(const ReviewSums& at_end) {
  const double noise = at_end.weighted_rr / at_end.texture;
  return static_cast<float>(std::max(ramp(edge_ratio(at_end), 1.25, 1.75), ramp(noise, 0.4, 0.9)));
}

bool is_noise(const ReviewSums& residuals) { return edge_ratio(residuals) < 1.6; }

Spread::Spread(const Matrix3& h, Point at) {
  constexpr double pixel = 1.0 / 12, kernel = 1.0 / 3;
  const double depth = h[6] * at.x + h[7] * at.y + h[8];
  const Point p = apply(h, at);
  const double a = (h[0] - p.x * h[6]) / depth, b = (h[1] - p.x * h[7]) / depth;
  const double c = (h[3] - p.y * h[6]) / depth, d = (h[4] - p.y * h[7]) / depth;
  const double square = (a * d - b * c) * (a * d - b * c);
  const auto variance = [&](double first, double second) {
    const double v = (kernel + pixel) * (first * first + second * second) / square - pixel;
    return std::isfinite(v) ? static_cast<float>(std::clamp(v, 0.05, 0.6)) : third;
  };
  x = variance(d, b);
  y = variance(a, c);
}

bool Spread::is_own() const {
  constexpr float alike = 0.04f;  // 5 % of scale
  return std::abs(x - third) < alike && std::abs(y - third) < alike;
}

}  // namespace photalign
