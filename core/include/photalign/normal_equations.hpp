// From sums over pixels to the step: J'WJ of warp and brightness, damped, brightness eliminated.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "linearize_functions.hpp"
#include "matrix.hpp"
#include "warps.hpp"

namespace photalign {

// J'WJ and J'Wr for the parameters of the warp and, if asked for, gain and bias of every channel.
// The unknowns are ordered warp, gain and bias of channel 0, of channel 1, ...
class NormalEquations {
 public:
  NormalEquations(const WarpModel& model, bool brightness, const std::vector<Sums>& channels)
      : parameters_(static_cast<std::size_t>(model.parameters)),
        channels_(brightness ? channels.size() : 0),
        hessian(parameters_ + 2 * channels_),
        gradient(parameters_ + 2 * channels_, 0.0) {
    for (std::size_t c = 0; c < channels.size(); ++c) add(model, brightness, channels[c], c);
  }

  std::size_t size() const { return gradient.size(); }
  std::size_t parameters() const { return parameters_; }

  // Whether each parameter of the warp changes the residuals at all. They are of one size, so one
  // that does so 1e-4 times less than another only does by rounding.
  bool determined() const {
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
  void add(const WarpModel& model, bool brightness, const Sums& sums, std::size_t channel) {
    const int n = monomials(model.degree);
    const auto p = [&](int basis, std::size_t k) { return model.motion[basis][k]; };
    const std::size_t at = parameters_ + 2 * channel;
    // Sums over products of two basis functions, g_i x^e y^f and g_j x^e' y^f'.
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j)
        for (int a = 0; a < n; ++a)
          for (int b = 0; b < n; ++b) {
            const double product = sums.gg[i + j][product_index(model.degree, a, b)];
            for (std::size_t k = 0; k < parameters_; ++k) {
              const double left = p(i * n + a, k) * product;
              if (left == 0) continue;
              for (std::size_t l = 0; l < parameters_; ++l) hessian(k, l) += left * p(j * n + b, l);
            }
          }
    for (int i = 0; i < 2; ++i)
      for (int a = 0; a < n; ++a)
        for (std::size_t k = 0; k < parameters_; ++k) {
          const double motion = p(i * n + a, k);
          gradient[k] += motion * sums.gr[i][a];
          if (!brightness) continue;
          hessian(k, at) += motion * sums.gm[i][a];
          hessian(k, at + 1) += motion * sums.g1[i][a];
          hessian(at, k) += motion * sums.gm[i][a];
          hessian(at + 1, k) += motion * sums.g1[i][a];
        }
    if (!brightness) return;
    hessian(at, at) += sums.wmm;
    hessian(at, at + 1) += sums.wm;
    hessian(at + 1, at) += sums.wm;
    hessian(at + 1, at + 1) += sums.w;
    gradient[at] += sums.wmr;
    gradient[at + 1] += sums.wr;
  }

  // The product of monomials a and b among the monomials of twice the degree.
  static int product_index(int degree, int a, int b) {
    const auto powers = [degree](int index) {
      int e = 0;
      while (index > degree - e) index -= degree + 1 - e++;
      return std::pair{e, index};
    };
    const auto [ea, fa] = powers(a);
    const auto [eb, fb] = powers(b);
    return monomial(2 * degree, ea + eb, fa + fb);
  }

  std::size_t parameters_;
  std::size_t channels_;

 public:
  Matrix hessian;
  std::vector<double> gradient;
};

}  // namespace photalign
