// What the hot file `equations.cpp` offers to the rest of the core: samples in, sums out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "choices.hpp"
#include "image.hpp"

namespace photalign {

// What samples are compared with: the residual is gain * sample + bias - reference. A reference
// that is not finite makes it invalid; a weight of 0 leaves it out.
struct Observations {
  const std::byte* reference = nullptr;  // [point][channel], of the first four types
  DType reference_dtype = DType::f64;
  const std::byte* weights = nullptr;  // [point] or [point][channel], u8, f32 or f64, or null
  DType weight_dtype = DType::f64;
  bool has_weight_per_channel = false;
  const double* gain = nullptr;  // per channel
  const double* bias = nullptr;
  LossKind loss = LossKind::squared;
  double threshold = 0;
  bool solves_brightness = false;  // gain and bias of each channel are unknowns, too
};

// How points move with parameters, [point][axis][parameter]; strides are in bytes. All that is read
// lies before `end`, and what lies between is readable; null if strides are negative.
struct PointJacobian {
  const std::byte* data = nullptr;
  bool is_double = true;  // else float
  std::int64_t parameters = 0;
  std::int64_t point_stride = 0;
  std::int64_t axis_stride = 0;
  std::int64_t parameter_stride = 0;
  const std::byte* end = nullptr;
};

// Samples of some points as the sampler writes them, with what belongs to these points.
struct SampledRun {
  const void* values = nullptr;
  const void* gradients = nullptr;
  const std::uint8_t* valid = nullptr;
  bool is_double = false;  // else float
  int dimension = 2;
  std::int64_t channels = 1;
  std::int64_t count = 0;
  Observations observations;
  PointJacobian jacobian;

  // The unknowns are the parameters, then gain and bias of each channel if they are solved for.
  std::int64_t unknowns() const {
    return jacobian.parameters + (observations.solves_brightness ? 2 * channels : 0);
  }
};

// Sums over valid residuals: J'WJ, J'Wr, and totals.
struct EquationSums {
  double* hessian = nullptr;   // [unknown][unknown]
  double* gradient = nullptr;  // [unknown]
  double* totals = nullptr;    // the sum of weight * rho, of the weights, and how many there are
};
inline constexpr std::int64_t n_totals = 3;

struct EquationFunctions {
  std::size_t (*scratch_doubles)(const SampledRun&);
  // Adds to the sums, of the Hessian to the upper triangle only.
  void (*add_run)(const SampledRun&, double* scratch, const EquationSums&);
};

}  // namespace photalign
