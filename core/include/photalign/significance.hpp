// Whether images match at all: their correlation in units of what chance makes of it.
#pragma once

#include <cmath>
#include <limits>

#include "covariance.hpp"

namespace photalign {

// Student's t of the correlation under `state`, with as many samples as there are uncorrelated
// residuals; NaN where one of the images is flat.
inline double significance(LevelProblem& problem, const State& state) {
  const Noise noise = study_noise(problem, state);
  const Review review = conclude(problem, state, nullptr).review;
  const double r = review.correlation(state);
  const double degrees = review.total.pixels / noise.samples_per_degree();
  if (r == 0) return std::numeric_limits<double>::quiet_NaN();
  return r * std::sqrt(degrees / (1 - r * r));
}

}  // namespace photalign
