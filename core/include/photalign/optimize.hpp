// The one Gauss-Newton / Levenberg-Marquardt loop.
//
// A step is accepted if the loss over the pixels valid before and after it did not rise: a sum that
// falls because the overlap shrank is no progress.
#pragma once

#include <optional>

#include "level_problem.hpp"

namespace photalign {

struct LoopOptions {
  int max_steps;
  double step_tol;  // pixels at full resolution
  double damping;   // 0: Gauss-Newton, which halves a step that fails
  double min_overlap;
  double loss_scale;  // 0: estimated from the residuals
  double tuning;
  int level;
  // The method of steps that are longer than a pixel of the level, if not the problem's own.
  std::optional<Composition> far = {};
  // Begin with a threshold so wide that the loss is convex over all residuals, and tighten it.
  bool is_graduated = false;
};

struct LoopResult {
  Status status;
  State state;
  double scale;
  double stalled;  // motion of the least damped step from `state`, which did not lower the loss
};

LoopResult optimize(LevelProblem& problem, State start, const LoopOptions& options,
                    const StepCallback& on_step);

// Gain and bias with which the moving image has the mean and the contrast of the reference, per
// channel: what zero-mean normalized correlation divides out.
void match_contrast(const Evaluation& at, State& state);

// Gain and bias that minimize the squared residuals, per channel.
void fit_gain_bias(const Evaluation& at, State& state);

// Standard deviation of the residuals near 0, whatever the others are, and no less than rounding
// leaves.
double residual_scale(LevelProblem& problem, const State& state);

}  // namespace photalign
