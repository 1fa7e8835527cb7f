// Whether images match at all: their correlation in units of what chance makes of it.
#pragma once

#include <cmath>
#include <limits>

#include "covariance.hpp"

namespace photalign {

// Student's t of the correlation under `state`, with as many samples as there are uncorrelated
// residuals; with the weights of the loss, if it has such. NaN where one of the images is flat.
inline double significance(LevelProblem& problem, const State& state) {
  const Noise noise = study_noise(problem, state);
  const Review review = conclude(problem, state, nullptr).review;
  const double r = review.weighted_correlation(state);
  if (r == 0) return std::numeric_limits<double>::quiet_NaN();
  const double degrees = review.total.weights / noise.samples_per_degree();
  return r * std::sqrt(degrees / (1 - r * r));
}

}  // namespace photalign
