#include <algorithm>
#include <limits>
#include <memory>
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

Correlation correlation_of(const LagSums& sums) {
  const auto ratio = [](const double* pair) {
    return static_cast<float>(pair[1] > 0 ? pair[0] / pair[1] : 0);
  };
  // What is no more than chance is left out, or it would add up over the lags.
  const auto negligible =
      static_cast<float>(std::max(0.01, 3 / std::sqrt(std::max(sums.pixels, 1.0))));
  Correlation rho;
  for (int lag = 1; lag <= max_lag; ++lag) {
    rho.row[lag] = ratio(sums.row[lag]);
    rho.column[lag] = ratio(sums.column[lag]);
    if (std::max(std::abs(rho.row[lag]), std::abs(rho.column[lag])) > negligible) rho.reach = lag;
  }
  return rho;
}

// A variance that came out as nothing, or less, is not believed.
float inflation_of(const double* sums) {
  constexpr double least = 1e-2;
  const double ratio = sums[0] / sums[1];
  return sums[1] > 0 && std::isfinite(ratio) ? static_cast<float>(std::sqrt(std::max(ratio, least)))
                                             : 1.0f;
}

// So many samples are kept until it is known how the noise hangs together: 20 MB.
constexpr std::int64_t most_kept = 256;

// Samples of the noise, by number: those of one rectangle after another, a channel each. Where
// there are too many to be kept, they are made again when they are needed.
class Observations {
 public:
  Observations(LevelProblem& problem, const State& state, const Selection& samples)
      : problem_(problem),
        state_(state),
        samples_(samples),
        channels_(problem.pass().reference.channels),
        count_(samples.size() * channels_),
        memory_(problem.scratch().numbers(static_cast<std::size_t>(std::min(count_, most_kept)) *
                                          size_)) {}

  // Calls `function(first, count)` for runs of samples that lie ready, with their sums of lags.
  template <class Function>
  void for_runs(Function&& function) {
    for (std::int64_t first = 0; first < count_; first += most_kept) {
      const std::int64_t count = std::min(count_ - first, most_kept);
      if (first != ready_) lags_ = observe(first, count);
      ready_ = first;
      function(first, count);
    }
  }

  const std::vector<LagSums>& lags() const { return lags_; }
  const Rect& rect(std::int64_t sample) const { return samples_[sample / channels_]; }
  const float* at(std::int64_t sample) const { return place(sample); }

 private:
  float* place(std::int64_t sample) const {
    return memory_ + static_cast<std::size_t>(sample % most_kept) * size_;
  }

  // In order, whoever does.
  std::vector<LagSums> observe(std::int64_t first, std::int64_t count) {
    return problem_.per_row<LagSums>(
        state_, nullptr, count, 1,
        [&](const TilePass& pass, std::int64_t i, float* memory, LagSums* out) {
          const std::int64_t sample = first + i;
          variant().covariance->observe(pass, rect(sample), sample % channels_, memory,
                                        place(sample), out);
        });
  }

  LevelProblem& problem_;
  const State& state_;
  const Selection& samples_;
  std::int64_t channels_, count_;
  std::size_t size_ = variant().covariance->observed_floats();
  float* memory_;
  std::vector<LagSums> lags_;  // of the run at hand
  std::int64_t ready_ = -1;    // its first sample
};

Noise study(LevelProblem& problem, const State& state, const Selection& samples) {
  const Stopwatch::Lap lap = problem.stopwatch().lap(Stage::noise);
  Observations observations(problem, state, samples);
  LagSums all_lags;
  observations.for_runs([&](std::int64_t, std::int64_t) {
    for (const LagSums& sums : observations.lags()) add_fields(sums, all_lags);
  });
  Noise noise;
  noise.correlation = correlation_of(all_lags);
  InflationSums all;
  observations.for_runs([&](std::int64_t first, std::int64_t count) {
    const std::vector<InflationSums> inflations = problem.per_row<InflationSums>(
        state, nullptr, count, 1,
        [&](const TilePass& pass, std::int64_t i, float* memory, InflationSums* out) {
          variant().covariance->inflate(pass, noise.correlation, observations.rect(first + i),
                                        observations.at(first + i), memory, out);
        });
    for (const InflationSums& sums : inflations) add_fields(sums, all);
  });
  for (int k = 0; k < 4; ++k) noise.inflation.factor[k] = inflation_of(all.factor[k]);
  noise.information = (all.factor[0][1] + all.factor[1][1]) / all.weight;
  return noise;
}

// What the fit took from the variance of the residuals: n / (n - k) for k unknowns and n residuals,
// correlated ones counted as less.
double correction_for_unknowns(const Conclusion& conclusion) {
  constexpr double most = 4;
  const double n = conclusion.review.total.pixels / conclusion.pixels_per_degree;
  const double factor = n / (n - static_cast<double>(conclusion.equations.size()));
  return factor >= 1 ? std::min(factor, most) : most;
}

// Where large residuals gather on edges, the slopes of a loss that falls there leave no curvature,
// though it is a minimum. Then A is that of the weights, by the mean slope.
std::vector<double> covariance_by_weights(const Conclusion& conclusion) {
  constexpr double least = 0.25;  // of the mean weight
  const ReviewSums& total = conclusion.review.total;
  const double slope = std::max(total.slopes, least * total.weights);
  Matrix a = conclusion.spread;
  const double factor = slope / total.weight / conclusion.inflation;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a.size(); ++j) a(i, j) *= factor;
  return sandwich(a, conclusion.spread, conclusion.equations.parameters(),
                  total.square / total.weight);
}

}  // namespace

CommonLosses compare_rows(LevelProblem& problem, const State& state, const State& previous,
                          std::int64_t first, std::int64_t count) {
  const std::vector<CommonLosses> of_rows = problem.per_row<CommonLosses>(
      state, &previous, count, 1,
      [&](const TilePass& pass, std::int64_t row, float* memory, CommonLosses* out) {
        variant().covariance->compare_losses(pass, first + row, memory, out);
      });
  CommonLosses total;
  for (const CommonLosses& sums : of_rows) add_fields(sums, total);
  return total;
}

// Sums of a channel whose reference is gain m + bias - r.
void Review::add_contrast(double one, double r, double m, double mr, double rr, double mm,
                          double gain, Contrast& sum) {
  if (!(one > 0)) return;
  const double about_mm = mm - m * m / one;
  const double about_mr = mr - m * r / one;
  const double about_rr = rr - r * r / one;
  sum.product += gain * about_mm - about_mr;
  sum.moving += about_mm;
  sum.reference += gain * gain * about_mm - 2 * gain * about_mr + about_rr;
}

double Review::correlation_of(const Contrast& sum) {
  const double r = sum.product / std::sqrt(sum.moving * sum.reference);
  return std::isfinite(r) ? std::clamp(r, -1.0, 1.0) : 0;
}

double Review::correlation(const State& state) const {
  Contrast sum;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const ReviewSums& s = channels[c];
    add_contrast(s.one, s.r, s.m, s.mr, s.rr, s.mm, state.gain[c], sum);
  }
  return correlation_of(sum);
}

double Review::weighted_correlation(const State& state) const {
  Contrast sum;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    const ReviewSums& s = channels[c];
    if (s.weighted_mm == 0) return correlation(state);
    add_contrast(s.weights, s.weighted_r, s.weighted_m, s.weighted_mr, s.weighted_rr, s.weighted_mm,
                 state.gain[c], sum);
  }
  return correlation_of(sum);
}

double Noise::samples_per_degree() const {
  double along_row = 1, along_column = 1;
  for (int lag = 1; lag <= max_lag; ++lag) {
    along_row += 2 * static_cast<double>(correlation.row[lag]);
    along_column += 2 * static_cast<double>(correlation.column[lag]);
  }
  return std::max(along_row, 1.0) * std::max(along_column, 1.0);
}

Noise study_noise(LevelProblem& problem, const State& state) {
  const LevelGrid& grid = problem.grid();
  return study(problem, state,
               problem.is_limited() ? problem.selection().samples_inside(grid.width, grid.height)
                                    : Selection::samples(grid.width, grid.height));
}

Noise study_all_noise(LevelProblem& problem, const State& state) {
  const LevelGrid& grid = problem.grid();
  return study(problem, state, Selection::all_samples(grid.width, grid.height));
}

bool Conclusion::is_told_by(const Noise& noise) const {
  constexpr double least_share = 0.1;
  const double information = review.total.texture / review.total.weights;
  return noise.information > least_share * information || !(information > 0);
}

Conclusion conclude(LevelProblem& problem, const State& state, const Noise* noise) {
  const Stopwatch::Lap lap = problem.stopwatch().lap(Stage::last_steps);
  problem.count_pass();
  const CovarianceFunctions& functions = *variant().covariance;
  const auto channels = static_cast<std::size_t>(problem.pass().reference.channels);
  const auto rows = static_cast<std::size_t>(problem.selection().rows());
  // Of a row: A and B of all channels.
  const std::size_t motion_size = channels * problem.motion_size();
  std::vector<Sums> sums_of_rows(rows * 2 * channels);
  std::vector<double> motion_of_rows(rows * 2 * motion_size);
  // Whoever knows the noise is about to judge.
  std::vector<LocalVariation> blocks;
  if (noise)
    blocks.resize(static_cast<std::size_t>(problem.selection().size()) * channels * blocks_of_tile);
  const std::vector<ReviewSums> review_of_rows = problem.per_row<ReviewSums>(
      state, nullptr, problem.selection().rows(), channels,
      [&](TilePass& pass, std::int64_t row, float* memory, ReviewSums* out) {
        const auto at = static_cast<std::size_t>(row) * 2;
        if (motion_size) pass.motion = motion_of_rows.data() + at * motion_size;
        Sums* sums = sums_of_rows.data() + at * channels;
        functions.conclude(pass, noise ? &noise->inflation : nullptr, row, memory, out, sums,
                           sums + channels, noise ? blocks.data() : nullptr);
      });

  Review review;
  review.channels.resize(channels);
  for (std::size_t i = 0; i < review_of_rows.size(); ++i) {
    add_fields(review_of_rows[i], review.channels[i % channels]);
    add_fields(review_of_rows[i], review.total);
  }
  std::vector<Sums> sums(2 * channels);
  for (std::size_t i = 0; i < sums_of_rows.size(); ++i)
    add_fields(sums_of_rows[i], sums[i % sums.size()]);
  const std::vector<double> motion = problem.added_rows(motion_of_rows, 2 * motion_size);
  const std::span<const Sums> both(sums);
  const std::span<const double> both_of_motion(motion);
  const bool brightness = problem.has_brightness();
  return {std::move(review),
          {problem.warp(), brightness, both.first(channels), both_of_motion.first(motion_size)},
          NormalEquations(problem.warp(), brightness, both.last(channels),
                          both_of_motion.last(motion_size))
              .hessian,
          std::move(blocks),
          noise ? static_cast<double>(noise->inflation.factor[0]) *
                      static_cast<double>(noise->inflation.factor[1])
                : 1,
          noise ? noise->samples_per_degree() : 1};
}

std::vector<double> covariance_of(const Conclusion& conclusion) {
  const NormalEquations& bread = conclusion.equations;
  const std::size_t parameters = bread.parameters();
  const ReviewSums& total = conclusion.review.total;
  std::vector<double> found;
  if (total.weight > 0 && bread.determined())
    found = sandwich(bread.hessian, conclusion.spread, parameters, total.square / total.weight);
  if (found.empty() && total.slopes < total.weights) found = covariance_by_weights(conclusion);
  const double correction = correction_for_unknowns(conclusion);
  for (double& variance : found) variance *= correction;
  if (found.empty())
    found.assign(parameters * parameters, std::numeric_limits<double>::quiet_NaN());
  return found;
}

double scatter_of_information(const Conclusion& conclusion, const Noise& noise) {
  const Matrix& a = conclusion.equations.hessian;
  const Matrix& b = conclusion.spread;
  const std::size_t n = a.size();
  const Cholesky factored(a, conclusion.equations.parameters());
  if (!factored.ok()) return HUGE_VAL;
  // The largest eigenvalue of inverse(A) B, by the power method.
  constexpr int rounds = 20;
  std::vector<double> direction(n, 1.0), next(n);
  double ratio = 0;
  for (int round = 0; round < rounds; ++round) {
    std::fill(next.begin(), next.end(), 0.0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) next[i] += b(i, j) * direction[j];
    factored.solve(next.data());
    ratio = 0;
    for (double v : next) ratio = std::max(ratio, std::abs(v));
    if (!(ratio > 0) || !std::isfinite(ratio)) return ratio > 0 ? HUGE_VAL : 0;
    for (std::size_t i = 0; i < n; ++i) direction[i] = next[i] / ratio;
  }
  // B has been inflated by what neighbors share of the residuals, which the gradients' noise does
  // not.
  const float* root = noise.inflation.factor;
  const double inflation =
      std::max({1.0, static_cast<double>(root[0]) * static_cast<double>(root[0]),
                static_cast<double>(root[1]) * static_cast<double>(root[1])});
  return ratio / inflation / std::sqrt(conclusion.review.total.pixels);
}

Uncertainty uncertainty_of(const LevelWarp& warp, const State& state,
                           const std::vector<double>& of_unknowns) {
  const std::size_t n = warp.parameters();
  const std::vector<double> jacobian = warp.changes(state);
  const std::size_t rows = jacobian.size() / n;
  // Row i of the Jacobian times the covariance.
  std::vector<double> half(rows * n);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t l = 0; l < n; ++l)
        half[i * n + l] += jacobian[i * n + k] * of_unknowns[k * n + l];
  const auto covariance = [&](std::size_t i, std::size_t j) {
    double sum = 0;
    for (std::size_t l = 0; l < n; ++l) sum += half[i * n + l] * jacobian[j * n + l];
    return sum;
  };
  Uncertainty found;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      found.covariance.push_back((covariance(i, j) + covariance(j, i)) / 2);
  for (std::size_t i = 0; i < 8; ++i)
    found.corner_std[i / 2][i % 2] = std::sqrt(covariance(n + i, n + i));
  found.deviation = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = n; i < rows; ++i) {
    const double std = std::sqrt(covariance(i, i));
    if (!(std <= found.deviation) && !std::isnan(std)) found.deviation = std;
  }
  return found;
}

}  // namespace photalign
