#include "photalign/align.hpp"

#include <algorithm>
#include <cmath>

#include "photalign/covariance.hpp"
#include "photalign/optimize.hpp"

namespace photalign {
namespace {

// On the coarse levels a step this small, in pixels of the level, is as good as none.
constexpr double coarse_step_tol = 0.05;
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
    State state = begin;
    Status status = Status::nonfinite;
    double scale = 0;
    for (int level = options_.levels - 1; level >= 0; --level) {
      LevelProblem problem = problem_at(level);
      State at_level = state;
      at_level.warp = problem.to_level(state.warp);
      const LoopResult found = optimize(problem, at_level, loop_options(level), on_step_);
      iterations_ += found.steps;
      status = found.status;
      scale = found.scale;
      // A coarse level that fails has nothing to say; the next one starts where it started.
      const bool usable = status == Status::converged || status == Status::step_limit ||
                          status == Status::no_descent;
      if (level > 0 && !usable) continue;
      state = found.state;
      state.warp = problem.to_full(found.state.warp);
    }
    return finish(begin, state, status, scale);
  }

 private:
  LevelProblem problem_at(int level) {
    const bool finest = level == 0;
    Level reference = reference_[level], moving = moving_[level];
    if (finest && images_.reference_coefficients) {
      reference.image = images_.reference_coefficients;
      moving.image = images_.moving_coefficients;
    }
    return LevelProblem(reference, moving, level, options_.warp,
                        finest ? options_.kernel : Kernel::linear,
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
            .brightness = options_.brightness,
            .loss_scale = options_.loss_scale,
            .tuning = options_.tuning,
            .level = level};
  }

  AlignResult finish(const State& begin, State state, Status status, double scale) {
    LevelProblem problem = problem_at(0);
    problem.set_threshold(options_.tuning * scale);
    State first = begin;
    if (problem.has_brightness()) {
      problem.set_loss(LossKind::squared);
      match_contrast(problem.evaluate(first), first);
      problem.set_loss(options_.loss);
    }
    Review last = review(problem, state, &first);
    if (last.total.both_rho > last.total.both_rho_previous * (1 + 1e-6)) {
      const double moved = problem.motion(first.warp, state.warp);
      if (moved > coarse_step_tol) status = Status::no_descent;
      state = first;
      last = review(problem, state);
    }

    AlignResult result;
    result.warp = state.warp;
    result.iterations = iterations_;
    result.scale = scale;
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

  Status judged(Status status, const AlignResult& result, const Review& last) const {
    if (!std::isfinite(result.cost)) return Status::nonfinite;
    if (status != Status::converged) return status;
    if (result.overlap < options_.min_overlap) return Status::too_little_overlap;
    const double degrees = last.total.valid / last.samples_per_degree();
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
