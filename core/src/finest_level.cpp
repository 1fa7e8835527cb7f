#include "photalign/finest_level.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "photalign/instrument.hpp"
#include "photalign/significance.hpp"

namespace photalign {
namespace {

// A result of the coarser levels is this near to that of the finest, in pixels, or nowhere.
constexpr double nearby = 0.5;
// Steps with a part of the pixels end below this.
constexpr double part_step_tol = 0.05;
// The ratio of two steps is needed, to know what the next one will leave.
constexpr int least_steps_of_part = 2;
// The damped loop takes no more of these, or the coarse levels led astray.
constexpr int most_steps_of_part = 20;
// Correlations of a quarter of the pixels which are less than so many standard deviations will not
// be significant for all.
constexpr double significant_of_part = 3;
// The loss's scale, estimated again at the end: how often, and below which change it is settled.
constexpr int scale_rounds = 3;
constexpr double scale_change = 0.02;

// What all pixels will leave of the deviation, if the noise is everywhere as in the samples and J'J
// grows with the pixels.
double expected_deviation(const LevelWarp& warp, const NewtonResult& near, const Noise& noise,
                          double share) {
  const double inflation = static_cast<double>(noise.inflation.factor[0]) *
                           static_cast<double>(noise.inflation.factor[1]);
  Conclusion expected = near.conclusion;
  const std::size_t n = expected.equations.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      expected.spread(i, j) = expected.equations.hessian(i, j) * inflation * share;
  return uncertainty_of(warp, near.state, covariance_of(expected)).deviation;
}

}  // namespace

double FinestLevel::update_scale(const State& state) {
  if (options_.loss == LossKind::squared) return 0;
  const double scale =
      options_.loss_scale > 0 ? options_.loss_scale : residual_scale(problem_, state);
  problem_.set_threshold(options_.tuning * scale);
  return scale;
}

NewtonOptions FinestLevel::newton_options(double scale, int steps, double step_tol,
                                          int least_steps) const {
  return {.max_steps = loop_.max_steps - steps,
          .taken = steps,
          .least_steps = least_steps,
          .step_tol = std::max(step_tol, loop_.step_tol),
          .longest = nearby,
          .min_overlap = loop_.min_overlap,
          .scale = scale};
}

std::optional<Approach> FinestLevel::approach(State state) {
  const double scale = update_scale(state);
  // All of a small image.
  problem_.select_part(problem_.has_part());
  const NewtonResult near =
      newton(problem_, std::move(state), nullptr, {},
             newton_options(scale, 0, part_step_tol, least_steps_of_part), on_step_);
  const double share = problem_.selected();
  problem_.select_part(false);
  if (!near.converged) return {};
  Approach found;
  found.state = near.state;
  found.steps = near.steps;
  found.contraction = near.contraction;
  found.scale = update_scale(near.state);
  found.is_clean = choose_instrument(near.state, near.conclusion.review.total);
  // Residuals tell of the noise only where the images are aligned.
  found.noise = study_noise(problem_, near.state);
  found.deviation =
      expected_deviation(problem_.warp(), near, found.noise, share / problem_.selected());
  return found;
}

std::optional<Ending> FinestLevel::settle(Approach approach) {
  for (int round = 0;; ++round) {
    NewtonResult found =
        newton(problem_, approach.state, &approach.noise, approach.contraction,
               newton_options(approach.scale, approach.steps, loop_.step_tol, 1), on_step_);
    if (!found.converged) return {};
    const double before = approach.scale;
    if (round < scale_rounds) approach.scale = update_scale(found.state);
    if (std::abs(approach.scale - before) <= scale_change * before)
      return Ending{.status = Status::converged,
                    .state = found.state,
                    .scale = approach.scale,
                    .noise = std::move(approach.noise),
                    .conclusion = std::move(found.conclusion),
                    .concluded = found.concluded,
                    .is_clean = approach.is_clean};
    approach.state = found.state;
  }
}

// How the reference enters the last equations. Says whether residuals are clean.
bool FinestLevel::choose_instrument(const State& state, const ReviewSums& residuals) {
  Spread spread;
  if (problem_.is_matrix()) spread = Spread(state.warp, problem_.grid().center());
  if (options_.has_instrument) {
    problem_.set_instrument(smoothness_of_instrument(residuals));
    if (problem_.pass().kernel == Kernel::bspline3 && !spread.is_own())
      problem_.match_spread(spread.x, spread.y);
  }
  return is_noise(residuals) && spread.is_own();
}

// Long steps are those of the method with the widest reach, the others of the one with the least
// bias.
LoopResult FinestLevel::damped(const State& state, int max_steps) {
  LoopOptions loop = loop_;
  loop.max_steps = std::min(loop.max_steps, max_steps);
  loop.far = options_.coarse_composition;
  return optimize(problem_, state, loop, on_step_);
}

Exploration FinestLevel::explore(const State& state) {
  if (!problem_.has_part()) return {Status::converged, state, true};
  problem_.select_part(true);
  const LoopResult loop = damped(state, most_steps_of_part);
  Exploration found{loop.status, loop.state, true};
  const bool went_on = loop.status == Status::step_limit && !(loop.stalled < nearby);
  if (loop.status == Status::converged || loop.status == Status::step_limit ||
      loop.status == Status::no_descent)
    found.is_promising = !went_on && !(significance(problem_, loop.state) <= significant_of_part);
  else
    found.state = state;  // the part may show nothing where others do
  problem_.select_part(false);
  return found;
}

Ending FinestLevel::stay(const State& state, Status status) {
  const double scale = update_scale(state);
  Noise noise = study_noise(problem_, state);
  Conclusion conclusion = conclude(problem_, state, &noise);
  return {.status = status,
          .state = state,
          .scale = scale,
          .stalled = std::numeric_limits<double>::infinity(),
          .noise = std::move(noise),
          .conclusion = std::move(conclusion),
          .concluded = state};
}

Ending FinestLevel::descend(const State& state) {
  const LoopResult found = damped(state, loop_.max_steps);
  problem_.set_threshold(options_.tuning * found.scale);
  bool is_clean = true;
  if (found.status == Status::converged)
    is_clean =
        choose_instrument(found.state, conclude(problem_, found.state, nullptr).review.total);
  Noise noise = study_noise(problem_, found.state);
  NewtonOptions options = newton_options(found.scale, 0, loop_.step_tol, 1);
  if (found.status != Status::converged) options.max_steps = 0;
  NewtonResult last = newton(problem_, found.state, &noise, {}, options, on_step_);
  if (!last.converged && last.steps > 0) {
    last.conclusion = conclude(problem_, found.state, &noise);
    last.state = last.concluded = found.state;
  }
  return {.status = found.status,
          .state = last.state,
          .scale = found.scale,
          .stalled = found.stalled,
          .noise = std::move(noise),
          .conclusion = std::move(last.conclusion),
          .concluded = last.concluded,
          .is_clean = is_clean};
}

}  // namespace photalign
