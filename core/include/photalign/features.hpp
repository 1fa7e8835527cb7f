// Pixels turned into channels that can be compared where grey levels cannot: directions and signs
// of what changes, in the frame of the reference.
#pragma once

#include <cstdint>

#include "image.hpp"
#include "parallel.hpp"

namespace photalign {

enum class FeatureKind : int { orientation, descriptor_fields, census };

struct Features {
  FeatureKind kind = FeatureKind::orientation;
  // Derivative of the moving image's points by the reference's: rows are moving x and y. The
  // identity for the reference itself.
  double frame[2][2] = {{1, 0}, {0, 1}};
  double smoothing = 1;  // standard deviation before differences are taken, px of the reference
  double threshold = 4;  // of a difference, in units of its noise
};

std::int64_t feature_channels(FeatureKind kind);

// `planes` has room for all channels as planes of height x width floats; NaN where the support of a
// feature touches an invalid pixel or leaves the image.
void compute_features(const Image& image, const Image& weight, const Features& how, float* planes,
                      const Execution& execution);

}  // namespace photalign
