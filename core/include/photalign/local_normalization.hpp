// An image with its local mean subtracted, divided by its local standard deviation.
#pragma once

#include "image.hpp"
#include "parallel.hpp"

namespace photalign {

struct LocalNormalization {
  double window = 4;  // standard deviation of the Gaussian window, px
  double floor = 1;   // standard deviation of the noise in units of its estimate
};

// (I - mean) / sqrt(variance + noise^2), mean and variance under a Gaussian window over the valid
// pixels (normalized convolution: Knutsson and Westin, CVPR 1993). `planes` has room for all
// channels as planes of height x width floats. NaN where a pixel is invalid, or a border or a mask
// cuts more off the window than elsewhere.
void normalize_locally(const Image& image, const Image& weight, const LocalNormalization& how,
                       float* planes, const Execution& execution);

}  // namespace photalign
