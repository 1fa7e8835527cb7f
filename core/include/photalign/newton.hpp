// The last steps at full resolution: Newton's, on the estimating equations J'psi(r) = 0.
//
// The matrix is the product of the gradients of both images, which noise does not make larger, so
// that steps near the end are of the right length and few are needed. A pass gives the step and all
// that is reported of the estimate, its covariance included.
#pragma once

#include "covariance.hpp"

namespace photalign {

struct NewtonOptions {
  int max_steps;
  int taken = 0;  // steps before these, for the record
  int least_steps = 1;
  double step_tol;  // pixels at full resolution
  double longest;   // step, pixels: more is not near the end
  double min_overlap;
  double scale;  // of the loss, for the record
};

// How much shorter steps become: the ratio of two, and the length of the first.
struct Contraction {
  double ratio = 0, motion = 0;

  // What a step leaves to be done: the ratio of Newton's steps is proportional to their length.
  double still_to_come(double of_motion) const;
};

struct NewtonResult {
  bool converged = false;
  int steps = 0;
  State state;
  Contraction contraction;
  // Of the state before the last step; its cost is corrected for that.
  Conclusion conclusion;
  State concluded;
};

// From `state`, which is nearly right. If steps do not shrink, the result is where they began to
// grow.
NewtonResult newton(LevelProblem& problem, State state, const Noise* noise,
                    const Contraction& contraction, const NewtonOptions& options,
                    const StepCallback& on_step);

}  // namespace photalign
