// How noisy the pixels of an image are, told from the image alone.
#pragma once

#include "float_rows.hpp"

namespace photalign {

// Standard deviation of white noise in a channel, in grey levels: the median of second differences
// along both axes at once, which see nothing of planes and of edges along an axis (J. Immerkaer,
// "Fast noise variance estimation", CVIU 64(2), 1996, with the median in place of his mean). Looks
// at about 2^16 pixels. At least what rounding to integers makes, and never 0: of numbers without
// noise a thousandth of their standard deviation, of a constant 1.
double noise_level(const FloatRows& rows, std::int64_t channel);

}  // namespace photalign
