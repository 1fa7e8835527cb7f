#include "photalign/noise_level.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace photalign {
namespace {

constexpr std::int64_t wanted = 1 << 16;
// The squares of the weights [1 -2 1; -2 4 -2; 1 -2 1] add up to 36. The median of the absolute
// value of a normal variable is 0.6745 standard deviations.
constexpr double deviations = 0.6745 * 6;
constexpr double rounding = 0.288675;  // of a number to an integer, 1 / sqrt(12)
constexpr double least_share = 1e-3;   // of the standard deviation of all pixels

struct Sample {
  std::vector<float> differences;
  double count = 0, sum = 0, squares = 0;

  void add(const std::vector<float>& above, const std::vector<float>& middle,
           const std::vector<float>& below) {
    const auto across = [&](std::size_t x) { return above[x] - 2 * middle[x] + below[x]; };
    for (std::size_t x = 1; x + 1 < middle.size(); ++x) {
      const auto value = static_cast<double>(middle[x]);
      if (!std::isfinite(value)) continue;
      count += 1;
      sum += value;
      squares += value * value;
      const float difference = std::abs(across(x - 1) - 2 * across(x) + across(x + 1));
      if (std::isfinite(difference)) differences.push_back(difference);
    }
  }

  double median() {
    if (differences.empty()) return 0;
    const auto at = differences.begin() + static_cast<std::ptrdiff_t>(differences.size() / 2);
    std::nth_element(differences.begin(), at, differences.end());
    return static_cast<double>(*at);
  }

  double deviation() const {
    const double mean = count > 0 ? sum / count : 0;
    return count > 0 ? std::sqrt(std::max(squares / count - mean * mean, 0.0)) : 0;
  }
};

}  // namespace

double noise_level(const FloatRows& rows, std::int64_t channel) {
  Sample sample;
  const std::int64_t width = rows.width(), inner = rows.height() - 2;
  if (width >= 3 && inner >= 1) {
    const std::int64_t count = std::clamp<std::int64_t>(wanted / width, 1, inner);
    const auto length = static_cast<std::size_t>(width);
    std::vector<float> row[3];
    for (std::vector<float>& each : row) each.resize(length);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t y = (2 * i + 1) * inner / (2 * count);
      for (int k = 0; k < 3; ++k) rows.read(y + k, channel, row[k].data());
      sample.add(row[0], row[1], row[2]);
    }
  }
  const double found = sample.median() / deviations;
  const double least = rows.is_rounded() ? rounding : least_share * sample.deviation();
  const double noise = std::max(found, least);
  return noise > 0 ? noise : 1;
}

}  // namespace photalign
