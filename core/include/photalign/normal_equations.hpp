// From sums over pixels to the step: J'WJ of warp and brightness, damped, brightness eliminated.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "level_warp.hpp"
#include "linearize_functions.hpp"
#include "matrix.hpp"

namespace photalign {

// J'WJ and J'Wr for the parameters of the warp and, if asked for, gain and bias of every channel.
// The unknowns are ordered warp, gain and bias of channel 0, of channel 1, ...
class NormalEquations {
 public:
  // Sums of each channel, and those of its motions if the warp is a function.
  NormalEquations(const LevelWarp& warp, bool brightness, std::span<const Sums> channels,
                  std::span<const double> of_motion)
      : parameters_(warp.parameters()),
        warp_determined_(warp.determined()),
        hessian(parameters_ + (brightness ? 2 * channels.size() : 0)),
        gradient(hessian.size(), 0.0) {
    if (!warp_determined_) return;
    const std::size_t per_channel = of_motion.size() / channels.size();
    for (std::size_t c = 0; c < channels.size(); ++c) {
      const std::size_t at = parameters_ + 2 * c;
      warp.add(channels[c], of_motion.data() + c * per_channel, at, brightness, hessian, gradient);
      if (brightness) add_brightness(channels[c], at);
    }
  }

  std::size_t size() const { return gradient.size(); }
  std::size_t parameters() const { return parameters_; }

  // Whether each parameter of the warp changes the residuals at all. They are of one size, so one
  // that does so 1e-4 times less than another only does by rounding.
  bool determined() const {
    if (!warp_determined_) return false;
    double largest = 0;
    for (std::size_t i = 0; i < parameters_; ++i) largest = std::max(largest, hessian(i, i));
    for (std::size_t i = 0; i < parameters_; ++i)
      if (!(hessian(i, i) > 1e-8 * largest)) return false;
    return true;
  }

  // Solves for the step of all unknowns. `damping` is Levenberg-Marquardt's, relative to the
  // diagonal of the warp's own block. Empty if the images do not determine the warp.
  std::vector<double> solve(double damping) const {
    if (!determined()) return {};
    Matrix damped = hessian;
    for (std::size_t i = 0; i < parameters_; ++i) damped(i, i) *= 1 + damping;
    const Cholesky factor(damped, parameters_);
    if (!factor.ok()) return {};
    std::vector<double> step = gradient;
    for (double& v : step) v = -v;
    factor.solve(step.data());
    for (double v : step)
      if (!std::isfinite(v)) return {};
    return step;
  }

 private:
  void add_brightness(const Sums& sums, std::size_t at) {
    hessian(at, at) += sums.wmm;
    hessian(at, at + 1) += sums.wm;
    hessian(at + 1, at) += sums.wm;
    hessian(at + 1, at + 1) += sums.w;
    gradient[at] += sums.wmr;
    gradient[at + 1] += sums.wr;
  }

  std::size_t parameters_;
  bool warp_determined_;

 public:
  Matrix hessian;
  std::vector<double> gradient;
};

}  // namespace photalign
