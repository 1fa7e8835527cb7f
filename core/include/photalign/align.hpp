// Aligns two images: levels from coarse to fine, and on each the same loop.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "agreement.hpp"
#include "choices.hpp"
#include "image.hpp"
#include "matrix.hpp"
#include "parallel.hpp"
#include "point_warp.hpp"
#include "stopwatch.hpp"

namespace photalign {

// The order is the order of `Status` in Python.
enum class Status : int {
  converged,
  step_limit,
  too_little_texture,
  too_little_overlap,
  no_descent,
  no_match,
  nonfinite
};

struct AlignOptions {
  WarpKind warp = WarpKind::affine;
  const PointWarp* function = nullptr;  // the warp instead, if not null
  Kernel kernel = Kernel::bspline3;     // of the finest level
  Kernel last_kernel =
      Kernel::bspline5;  // of the last steps, where the noise is low enough to need it
  Composition composition = Composition::inverse;  // of the two finest levels
  Composition coarse_composition = Composition::esm;
  bool has_instrument = false;  // the last steps take a gradient of their own, see instrument.hpp
  Brightness brightness = Brightness::none;
  LossKind loss = LossKind::squared;
  double loss_scale = 0;  // standard deviation of the residuals; estimated if 0
  double tuning = 1;      // threshold of the loss in units of the scale
  int levels = 1;
  std::int64_t pixels = 0;  // to use at full resolution, about; 0: all
  int max_steps = 50;       // per level
  double step_tol = 1e-3;   // motion of the reference's corners, px at full resolution
  double damping = 1e-4;  // Levenberg-Marquardt's first, relative to the diagonal; 0: Gauss-Newton
  double min_overlap = 0.25;
};

struct AlignImages {
  Image reference, moving;
  Image reference_weight, moving_weight;
  // Spline coefficients to sample on the finest level instead of the pixels, or empty.
  Image reference_coefficients, moving_coefficients;
};

struct StepRecord {
  int level, iteration;
  double cost;  // mean of rho / 2 per valid pixel, after the step if it was accepted
  double motion, damping, overlap, scale;
  double selected;  // share of the level's pixels that the step was computed from
  bool accepted;
};

struct AlignResult {
  Status status = Status::nonfinite;
  Kernel kernel = Kernel::linear;  // that the result was found with
  Matrix3 warp{};
  std::vector<double> params;  // of a function
  std::vector<double> gain, bias;
  double cost = 0, rms = 0, correlation = 0, overlap = 0, scale = 0;
  Findings findings;
  double pixels = 0;             // valid ones, each counted as 1
  double pixels_per_degree = 1;  // correlated residuals that count as one
  double kept = 1;               // of the weight of the masks, by the loss
  double edges = 1;              // by how much residuals on edges are larger than others, squared
  double confidence = 0;         // probability that the images match under this warp
  std::vector<double>
      covariance;           // of the parameters of `parameters_of`, row major; NaN if unknown
  double corner_std[4][2];  // of the mapped corners of the reference, clockwise from (0, 0), px
  double deviation = 0;     // largest standard deviation of a mapped point, px
  std::vector<StepRecord> steps;
  std::array<StageRecord, stage_count> stages{};
};

// Where an alignment starts: a matrix, or the parameters of a function.
struct WarpStart {
  Matrix3 matrix = identity3();
  std::vector<double> params;
};

using StepCallback = std::function<void(const StepRecord&)>;

AlignResult align(const AlignImages& images, const AlignOptions& options, const WarpStart& start,
                  const Execution& execution, const StepCallback& on_step);

}  // namespace photalign
