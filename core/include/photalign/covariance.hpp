// What is reported of an estimate, and its covariance: a sandwich, because smoothing kernels
// correlate the residuals.
//
// For an M-estimator (Huber, "Robust Statistics", 1981, section 6.3) the covariance is
// A^-1 B A^-1 with A = sum psi'(r) J'J and B the covariance of sum psi(r) J. With independent
// residuals and squares that is sigma^2 (J'J)^-1; a direct quintic B-spline, which smooths both
// images, makes that formula wrong by a factor of 5, since neighboring residuals then share their
// noise.
#pragma once

#include <cmath>
#include <vector>

#include "covariance_functions.hpp"
#include "level_problem.hpp"

namespace photalign {

// An estimate, looked at without derivatives.
struct Review {
  std::vector<ReviewSums> channels;
  ReviewSums total;

  double overlap() const { return total.reference > 0 ? total.covered / total.reference : 0; }
  double rms() const { return std::sqrt(total.rr / total.one); }
  // Zero-mean normalized, channels pooled after their means are gone.
  double correlation(const State& state) const;
  // The same with the weights of the loss, or with 1 where that is the square: of what agrees.
  double weighted_correlation(const State& state) const;

 private:
  // Sums of squares and products about the channels' means.
  struct Contrast {
    double product = 0, moving = 0, reference = 0;
  };
  static void add_contrast(double one, double r, double m, double mr, double rr, double mm,
                           double gain, Contrast& sum);
  static double correlation_of(const Contrast& sum);
};

// How the noise of neighboring residuals hangs together, and what that does to the estimate.
struct Noise {
  Correlation correlation;
  Inflation inflation;
  double information = 0;  // per squared weight, of the samples that it was studied in

  // Correlated residuals that count as one.
  double samples_per_degree() const;
};

// From samples of the selected pixels.
Noise study_noise(LevelProblem& problem, const State& state);
// The same from all pixels.
Noise study_all_noise(LevelProblem& problem, const State& state);

// The sums behind the last steps and the covariance of where they end.
struct Conclusion {
  Review review;
  NormalEquations equations;           // A and J'psi
  Matrix spread;                       // B, but for the variance of the influence
  std::vector<LocalVariation> blocks;  // [rectangle][channel][block]; none without the noise
  double inflation = 1;                // of the gradients in B
  double pixels_per_degree = 1;        // correlated residuals that count as one

  // Whether the samples of the noise are like the rest: they may have missed all texture.
  bool is_told_by(const Noise& noise) const;
};

// Without the noise there is no spread.
Conclusion conclude(LevelProblem& problem, const State& state, const Noise* noise);

// The losses of two estimates over the pixels valid for both, in some rows of the selection.
CommonLosses compare_rows(LevelProblem& problem, const State& state, const State& previous,
                          std::int64_t first, std::int64_t count);

// Of the unknowns of the warp, parameters x parameters; NaN if it cannot be had.
std::vector<double> covariance_of(const Conclusion& conclusion);

// Which share of the matrix A is scatter, in the direction where that is the most. In the product
// of the gradients of two images noise averages out, but not to 0: it scatters by the root of the
// number of pixels less than what it adds to B.
double scatter_of_information(const Conclusion& conclusion, const Noise& noise);

// The same in terms of the user.
struct Uncertainty {
  std::vector<double> covariance;  // of the parameters
  double corner_std[4][2];         // of the mapped corners of the reference
  double deviation = 0;            // the largest of a mapped point; NaN if nothing is known
};

Uncertainty uncertainty_of(const LevelWarp& warp, const State& state,
                           const std::vector<double>& of_unknowns);

}  // namespace photalign
