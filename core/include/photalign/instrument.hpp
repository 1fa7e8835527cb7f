// How the reference enters the estimating equations of the last steps: chosen from the images.
#pragma once

#include "covariance.hpp"

namespace photalign {

// Smoothness of the gradient that residuals are multiplied with, from 0 to 1.
//
// 0 is the efficient one as long as residuals are white noise. Where they are larger on edges they
// are not noise but aliasing, or what else a model lacks, and where they are larger than the
// gradients these are noise themselves; both ask for a smoother one.
float smoothness_of_instrument(const ReviewSums& at_end);

// By how much residuals on edges are larger than others, squared.
double edge_ratio(const ReviewSums& residuals);

// Whether residuals are not much larger on edges.
bool is_noise(const ReviewSums& residuals);

// Variances along x and y, in the frame of the reference, of the smoothing that a direct cubic
// B-spline does in the moving image. That and the averaging over the area of a pixel are scaled by
// the warp.
struct Spread {
  float x = third, y = third;
  static constexpr float third = 1.0f / 3;  // of the kernel's own stencil

  Spread() = default;
  Spread(const Matrix3& warp, Point at);
  bool is_own() const;
};

}  // namespace photalign
