// What the last steps multiply residuals with: a gradient of the reference, between sharp and
// smooth.
//
// Any gradient of the reference makes estimating equations that vanish at the truth. Under white
// noise the gradient of the unsmoothed image is the best, because residuals of a direct B-spline
// are smoothed and it undoes that; where residuals are largest at the edges they are aliasing, of
// which a smooth gradient sees the least.
#pragma once

namespace photalign {

struct Instrument {
  bool used = false;  // if not, the gradient is that of the kernel
  // Along the derivative: weights of the differences of the pixels 1 and 2 away on both sides.
  float near = 0, far = 0;
  float beside = 0;  // across it: the weight of either neighbor
};

// From sharp at 0 to smooth at 1.
constexpr Instrument instrument_of(double smoothness) {
  constexpr double sharpest = 0.14, smoothest = -0.125, widest = 0.25;
  const double far = sharpest + smoothness * (smoothest - sharpest);
  return {.used = true,
          .near = static_cast<float>(0.5 + 2 * far),
          .far = static_cast<float>(-far),
          .beside = static_cast<float>(widest * smoothness)};
}

}  // namespace photalign
