#include "photalign/align.hpp"

#include <algorithm>
#include <cmath>

#include "photalign/covariance.hpp"
#include "photalign/optimize.hpp"

namespace photalign {
namespace {

// On the coarse levels a step this small, in pixels of the level, is as good as none.
constexpr double coarse_step_tol = 0.05;
// Below this standard deviation, in pixels, the bias of a cubic kernel is no longer hidden in the noise.
constexpr double bias_of_kernel = 5e-3;
// Correlations this many standard deviations from 0 are no accident.
constexpr double significant = 6;

class Alignment {
 public:
  Alignment(const AlignImages& images, const AlignOptions& options, const Execution& execution,
            const StepCallback& on_step)
      : images_(images),
        options_(options),
        execution_(execution),
        on_step_(on_step),
        offset_(typical_value(images.reference, images.reference_weight)),
        reference_(images.reference, images.reference_weight, offset_, options.levels, execution),
        moving_(images.moving, images.moving_weight, offset_, options.levels, execution),
        workspaces_(make_workspaces(execution.threads)) {}

  AlignResult run(const Matrix3& start) {
    const auto channels = static_cast<std::size_t>(images_.reference.channels);
    const State begin{start, std::vector<double>(channels, 1.0), std::vector<double>(channels, 0.0)};
    // A coarse level can lead astray: where the result is no alignment, try again with fewer levels.
    AlignResult best = descend(begin, options_.levels);
    for (int levels = options_.levels - 1; levels > 0 && best.status != Status::converged; --levels) {
      AlignResult other = descend(begin, levels);
      if (other.status == Status::converged) best = std::move(other);
    }
    best.iterations = iterations_;
    return best;
  }

 private:
  // From coarse to fine, and on the finest level to the least biased kernel where that matters.
  AlignResult descend(const State& begin, int levels) {
    State state = begin;
    Kernel kernel = levels > 1 ? Kernel::linear : options_.kernel;
    Ending ending;
    for (int level = levels - 1; level >= 0; --level) {
      kernel = level > 0 ? Kernel::linear : options_.kernel;
      ending = refine(state, level, kernel);
    }
    AlignResult result = finish(begin, state, ending, kernel);
    if (options_.last_kernel == options_.kernel || result.status != Status::converged ||
        !(corner_std(result) < bias_of_kernel))
      return result;
    ending = refine(state, 0, options_.last_kernel);
    AlignResult last = finish(begin, state, ending, options_.last_kernel);
    return last.status == Status::converged ? last : result;
  }

  struct Ending {
    Status status = Status::nonfinite;
    double scale = 0;
  };

  // Optimizes `state`, which is in coordinates of level 0, on one level.
  Ending refine(State& state, int level, Kernel kernel) {
    LevelProblem problem = problem_at(level, kernel);
    State at_level = state;
    at_level.warp = problem.to_level(state.warp);
    const LoopResult found = optimize(problem, at_level, loop_options(level), on_step_);
    iterations_ += found.steps;
    // A coarse level that fails has nothing to say; the next one starts where it started.
    const bool usable = found.status == Status::converged || found.status == Status::step_limit ||
                        found.status == Status::no_descent;
    if (level == 0 || usable) {
      state = found.state;
      state.warp = problem.to_full(found.state.warp);
    }
    return {found.status, found.scale};
  }

  // The largest standard deviation of a mapped corner of the reference, in pixels.
  double corner_std(const AlignResult& result) const {
    const std::size_t n = result.derivatives.size();
    const double right = static_cast<double>(images_.reference.width) - 1;
    const double bottom = static_cast<double>(images_.reference.height) - 1;
    double largest = 0;
    for (const Point corner : {Point{0, 0}, Point{right, 0}, Point{right, bottom}, Point{0, bottom}}) {
      const Point at = apply(result.warp, corner);
      const double depth =
          result.warp[6] * corner.x + result.warp[7] * corner.y + result.warp[8];
      std::vector<Point> moves;
      for (const Matrix3& d : result.derivatives) {
        const double w = d[6] * corner.x + d[7] * corner.y + d[8];
        moves.push_back({(d[0] * corner.x + d[1] * corner.y + d[2] - at.x * w) / depth,
                         (d[3] * corner.x + d[4] * corner.y + d[5] - at.y * w) / depth});
      }
      double variance = 0;
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
          variance += (moves[i].x * moves[j].x + moves[i].y * moves[j].y) * result.covariance[i * n + j];
      if (!(variance <= largest)) largest = variance;
    }
    return std::sqrt(largest);
  }

  LevelProblem problem_at(int level, Kernel kernel) {
    const bool finest = level == 0;
    Level reference = reference_[level], moving = moving_[level];
    if (finest && images_.reference_coefficients) {
      reference.image = images_.reference_coefficients;
      moving.image = images_.moving_coefficients;
    }
    return LevelProblem(reference, moving, level, options_.warp, kernel,
                        finest ? options_.composition : options_.coarse_composition, options_.loss,
                        options_.brightness, execution_, workspaces_);
  }

  LoopOptions loop_options(int level) const {
    const double pixel = static_cast<double>(std::int64_t{1} << level);
    return {.max_steps = options_.max_steps,
            .step_tol = level == 0 ? options_.step_tol
                                   : std::max(options_.step_tol, coarse_step_tol * pixel),
            .damping = options_.damping,
            .min_overlap = options_.min_overlap,
            .loss_scale = options_.loss_scale,
            .tuning = options_.tuning,
            .level = level};
  }

  AlignResult finish(const State& begin, State state, const Ending& ending, Kernel kernel) {
    Status status = ending.status;
    LevelProblem problem = problem_at(0, kernel);
    problem.set_threshold(options_.tuning * ending.scale);
    State first = begin;
    if (problem.has_brightness()) adjust_brightness(problem, first);
    if (options_.brightness == Brightness::normalized) adjust_brightness(problem, state);
    Review last = review(problem, state, &first);
    if (last.total.both_rho > last.total.both_rho_previous * (1 + 1e-6)) {
      const double moved = problem.motion(first.warp, state.warp);
      if (moved > coarse_step_tol) status = Status::no_descent;
      state = first;
      last = review(problem, state);
    }

    AlignResult result;
    result.warp = state.warp;
    result.kernel = kernel;
    result.scale = ending.scale;
    result.overlap = last.overlap();
    result.cost = last.total.rho / 2;
    result.rms = last.rms();
    result.correlation = last.correlation(state);
    for (std::size_t c = 0; c < state.gain.size(); ++c) {
      result.gain.push_back(state.gain[c]);
      result.bias.push_back(state.bias[c] + offset_ * (1 - state.gain[c]));
    }
    result.covariance = estimate_covariance(problem, state, last);
    const Matrix3 n = problem.from_normalized();
    for (int k = 0; k < problem.model().parameters; ++k)
      result.derivatives.push_back(state.warp * n * problem.model().generator(k) * inverse(n));
    result.status = judged(status, result, last);
    return result;
  }

  // The best brightness for the warp of `state`, whatever its residuals may be.
  void adjust_brightness(LevelProblem& problem, State& state) const {
    problem.set_loss(LossKind::squared);
    const Evaluation here = problem.evaluate(state);
    problem.set_loss(options_.loss);
    if (options_.brightness == Brightness::normalized)
      match_contrast(here, state);
    else
      fit_gain_bias(here, state);
  }

  Status judged(Status status, const AlignResult& result, const Review& last) const {
    if (!std::isfinite(result.cost)) return Status::nonfinite;
    if (status != Status::converged) return status;
    if (result.overlap < options_.min_overlap) return Status::too_little_overlap;
    const double degrees = last.total.pixels / last.samples_per_degree();
    if (!(result.correlation * std::sqrt(degrees) > significant)) return Status::no_match;
    return status;
  }

  const AlignImages& images_;
  const AlignOptions& options_;
  const Execution& execution_;
  const StepCallback& on_step_;
  double offset_;
  Pyramid reference_;
  Pyramid moving_;
  Workspaces workspaces_;
  int iterations_ = 0;
};

}  // namespace

AlignResult align(const AlignImages& images, const AlignOptions& options, const Matrix3& start,
                  const Execution& execution, const StepCallback& on_step) {
  return Alignment(images, options, execution, on_step).run(start);
}

}  // namespace photalign
