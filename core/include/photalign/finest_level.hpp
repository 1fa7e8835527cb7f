// The steps at full resolution: Newton's, with a part of the pixels first, or the damped loop where
// these do not converge.
#pragma once

#include <optional>

#include "newton.hpp"
#include "optimize.hpp"

namespace photalign {

// Where the steps with a part of the pixels ended, and what they tell of the rest.
struct Approach {
  State state;
  int steps = 0;
  Contraction contraction;
  double scale = 0;  // of the loss
  Noise noise;
  double deviation = 0;   // largest standard deviation of a mapped point that all pixels will leave
  bool is_clean = false;  // residuals are noise, of images of one scale
};

// Where the damped loop with a part of the pixels led.
struct Exploration {
  Status status;
  State state;
  bool is_promising;  // worth to be followed with all pixels
};

// How the steps ended.
struct Ending {
  Status status = Status::nonfinite;
  State state;
  double scale = 0;
  double stalled = 0;  // how far a step would have gone that did not lower the loss, px
  Noise noise;
  Conclusion conclusion;
  State concluded;  // what it is about, maybe a small step before `state`
  bool is_clean = false;
};

class FinestLevel {
 public:
  FinestLevel(LevelProblem& problem, const AlignOptions& options, const LoopOptions& loop,
              const StepCallback& on_step)
      : problem_(problem), options_(options), loop_(loop), on_step_(on_step) {}

  // From `state`, which is nearly right or else nothing comes of it.
  std::optional<Approach> approach(State state);
  // By the damped loop with a part of the pixels; `state` itself where there are too few to part.
  Exploration explore(const State& state);
  // From there on with all pixels. Nothing if steps do not shrink.
  std::optional<Ending> settle(Approach approach);
  // By the damped loop, from anywhere.
  Ending descend(const State& state);
  // Without a step, for images that seem not to match.
  Ending stay(const State& state, Status status);

 private:
  LoopResult damped(const State& state, int max_steps);
  double update_scale(const State& state);
  bool choose_instrument(const State& state, const ReviewSums& residuals);
  NewtonOptions newton_options(double scale, int steps, double step_tol, int least_steps) const;

  LevelProblem& problem_;
  const AlignOptions& options_;
  LoopOptions loop_;
  const StepCallback& on_step_;
};

}  // namespace photalign
