#include "photalign/newton.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace photalign {
namespace {

constexpr double most_repeated = 0.5;      // share of a step that the next may be long
constexpr double least_correction = 0.05;  // of the cost
constexpr double least_decrease = 0.25;    // of the ratio, of which more is not believed

// The cost after a step from the one before it, whose quadratic form is known but for the noise in
// the gradients. What is less than that is left out.
void correct_cost(const LevelProblem& problem, const std::vector<double>& step,
                  Conclusion& conclusion) {
  double change = 0;
  for (std::size_t i = 0; i < step.size(); ++i)
    change += step[i] * conclusion.equations.gradient[i];
  ReviewSums& total = conclusion.review.total;
  if (-change < least_correction * total.rho) return;
  total.rho = std::max(total.rho + change, 0.0);
  if (problem.pass().loss == LossKind::squared) total.rr = total.rho;
}

std::vector<double> solved(LevelProblem& problem, const Conclusion& conclusion) {
  const Stopwatch::Lap lap = problem.stopwatch().lap(Stage::solving);
  return conclusion.equations.solve(0);
}

}  // namespace

double Contraction::still_to_come(double of_motion) const {
  if (!(motion > 0)) return of_motion;
  const double share = ratio * std::max(least_decrease, of_motion / motion);
  return share < most_repeated ? of_motion * share / (1 - share) : of_motion;
}

NewtonResult newton(LevelProblem& problem, State state, const Noise* noise,
                    const Contraction& contraction, const NewtonOptions& options,
                    const StepCallback& on_step) {
  Conclusion here = conclude(problem, state, noise);
  Contraction known = contraction;
  double longest = options.longest, last_motion = 0;
  for (int steps = 0;; ++steps) {
    const auto ended = [&](bool converged) {
      return NewtonResult{converged, steps, state, known, std::move(here), state};
    };
    if (!std::isfinite(here.review.total.rho) || !(here.review.overlap() >= options.min_overlap))
      return ended(false);
    const std::vector<double> step = solved(problem, here);
    if (step.empty() || steps == options.max_steps) return ended(false);
    const State candidate = problem.stepped(state, step);
    const double motion = problem.warp().motion(state, candidate);
    if (!(motion <= longest)) return ended(false);
    if (last_motion > 0) known = {motion / last_motion, last_motion};
    const bool converged =
        steps + 1 >= options.least_steps && known.still_to_come(motion) < options.step_tol;
    const State before = std::exchange(state, candidate);
    if (converged)
      correct_cost(problem, step, here);
    else
      here = conclude(problem, state, noise);
    if (on_step) {
      const ReviewSums& total = here.review.total;
      on_step({0, options.taken + steps + 1, total.rho / total.valid / 2, motion, 0,
               here.review.overlap(), options.scale, problem.selected(), true});
    }
    if (converged) return {true, steps + 1, state, known, std::move(here), before};
    last_motion = motion;
    // Below the tolerance steps are rounding, and need not shrink.
    longest = std::max(most_repeated * motion, options.step_tol);
  }
}

}  // namespace photalign
