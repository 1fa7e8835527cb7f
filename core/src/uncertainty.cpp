#include <algorithm>
#include <limits>
#include <span>

#include "photalign/covariance.hpp"
#include "photalign/covariance_functions.hpp"

namespace photalign {
namespace {

// inverse(a) b inverse(a), first `parameters` rows and columns; empty if a is singular.
std::vector<double> sandwich(const Matrix& a, const Matrix& b, std::size_t parameters,
                             double factor) {
  const std::size_t n = a.size();
  const Cholesky factored(a, parameters);
  if (!factored.ok()) return {};
  Matrix half(n);  // row i: inverse(a) times column i of b
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> column(n);
    for (std::size_t k = 0; k < n; ++k) column[k] = b(k, i);
    factored.solve(column.data());
    for (std::size_t k = 0; k < n; ++k) half(i, k) = column[k];
  }
  std::vector<double> result(parameters * parameters);
  for (std::size_t i = 0; i < parameters; ++i) {
    std::vector<double> column(n);
    for (std::size_t k = 0; k < n; ++k) column[k] = half(k, i);
    factored.solve(column.data());
    for (std::size_t j = 0; j < parameters; ++j) result[i * parameters + j] = column[j] * factor;
  }
  return result;
}

}  // namespace

Review review(LevelProblem& problem, const State& state) {
  const auto channels = static_cast<std::size_t>(problem.pass().reference.channels);
  const std::vector<ReviewSums> of_rows = problem.per_row<ReviewSums>(
      state, nullptr, problem.pass().rows_of_tiles(), channels, variant().covariance->review);
  Review found;
  found.channels.resize(channels);
  for (std::size_t i = 0; i < of_rows.size(); ++i) {
    add_fields(of_rows[i], found.channels[i % channels]);
    add_fields(of_rows[i], found.total);
  }
  return found;
}

ReviewSums compare_rows(LevelProblem& problem, const State& state, const State& previous,
                        std::int64_t first, std::int64_t count) {
  const auto channels = static_cast<std::size_t>(problem.pass().reference.channels);
  const std::vector<ReviewSums> of_rows = problem.per_row<ReviewSums>(
      state, &previous, count, channels,
      [&](const TilePass& pass, std::int64_t row, float* memory, ReviewSums* out) {
        variant().covariance->review(pass, first + row, memory, out);
      });
  ReviewSums total;
  for (const ReviewSums& sums : of_rows) add_fields(sums, total);
  return total;
}

Review::Contrast Review::contrast(const State& state) const {
  Contrast sum;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const ReviewSums& s = channels[c];
    if (!(s.one > 0)) continue;
    const double mm = s.mm - s.m * s.m / s.one;
    const double mr = s.mr - s.m * s.r / s.one;
    const double rr = s.rr - s.r * s.r / s.one;
    const double g = state.gain[c];
    // reference = g m + b - r
    sum.product += g * mm - mr;
    sum.moving += mm;
    sum.reference += g * g * mm - 2 * g * mr + rr;
  }
  return sum;
}

double Review::correlation(const State& state) const {
  const Contrast sum = contrast(state);
  const double r = sum.product / std::sqrt(sum.moving * sum.reference);
  return std::isfinite(r) ? std::clamp(r, -1.0, 1.0) : 0;
}

Correlation Review::residual_correlation() const {
  const auto ratio = [](const double* pair) {
    return static_cast<float>(pair[1] > 0 ? pair[0] / pair[1] : 0);
  };
  constexpr float negligible = 0.01f;
  Correlation rho{};
  for (int lag = 0; lag <= max_lag; ++lag) {
    rho.row[lag] = lag ? ratio(total.row[lag]) : 1;
    rho.column[lag] = lag ? ratio(total.column[lag]) : 1;
    if (std::max(std::abs(rho.row[lag]), std::abs(rho.column[lag])) > negligible) rho.reach = lag;
  }
  return rho;
}

double Review::samples_per_degree() const {
  const Correlation rho = residual_correlation();
  double along_row = 1, along_column = 1;
  for (int lag = 1; lag <= max_lag; ++lag) {
    along_row += 2 * static_cast<double>(rho.row[lag]);
    along_column += 2 * static_cast<double>(rho.column[lag]);
  }
  return std::max(along_row, 1.0) * std::max(along_column, 1.0);
}

std::vector<double> estimate_covariance(LevelProblem& problem, const State& state,
                                        const Review& review) {
  const bool brightness = problem.has_brightness();
  const CovarianceFunctions& functions = *variant().covariance;
  const auto parameters = problem.warp().parameters();
  const auto channels = static_cast<std::size_t>(problem.pass().reference.channels);
  std::vector<double> unknown(parameters * parameters, std::numeric_limits<double>::quiet_NaN());
  if (!(review.total.weight > 0)) return unknown;
  const Correlation rho = review.residual_correlation();

  // Rows of channels, A and B of a channel side by side.
  const std::int64_t rows = functions.rows_of_sandwich(problem.pass());
  const std::size_t motion_size = channels * problem.motion_size();
  std::vector<double> motion_of_rows(static_cast<std::size_t>(rows) * 2 * motion_size);
  const std::vector<Sums> of_rows = problem.per_row<Sums>(
      state, nullptr, rows, 2 * channels,
      [&](TilePass& pass, std::int64_t row, float* memory, Sums* out) {
        if (motion_size)
          pass.motion = motion_of_rows.data() + static_cast<std::size_t>(row) * 2 * motion_size;
        functions.sandwich(pass, rho, row, memory, out, out + channels);
      });
  std::vector<Sums> sums(2 * channels);
  for (std::size_t i = 0; i < of_rows.size(); ++i) add_fields(of_rows[i], sums[i % sums.size()]);
  const std::vector<double> motion = problem.added_rows(motion_of_rows, 2 * motion_size);
  const std::span<const Sums> both(sums);
  const std::span<const double> both_of_motion(motion);
  const NormalEquations bread(problem.warp(), brightness, both.first(channels),
                              both_of_motion.first(motion_size));
  const NormalEquations filling(problem.warp(), brightness, both.last(channels),
                                both_of_motion.last(motion_size));
  if (!bread.determined()) return unknown;
  std::vector<double> found = sandwich(bread.hessian, filling.hessian, parameters,
                                       review.total.square / review.total.weight);
  return found.empty() ? unknown : found;
}

}  // namespace photalign
