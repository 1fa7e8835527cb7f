// Whether two images that were aligned agree in detail, block by block: it is what tells a match
// from shapes that happen to look alike.
//
// A block is 4 x 4 cells of 4 x 4 pixels. Its texture is looked at on two scales: within the cells,
// and from cell to cell, where noise is averaged and coarse structure, in which all images are
// alike, is gone. Of images that match nothing but noise is left in the residuals, of which the
// finer scale says how much that is on the coarser one; residuals of others are textures like the
// images themselves.
#pragma once

#include <optional>
#include <vector>

#include "covariance_functions.hpp"
#include "state.hpp"

namespace photalign {

// What the blocks say, the median of some number over their texture. Blocks that the loss rejected
// do not count in medians.
struct Evidence {
  double unexplained = 1;       // share of the texture from cell to cell that is in the residuals
  double correlation = 0;       // of the two images from cell to cell, means of blocks removed
  double fine_correlation = 0;  // the same within cells
  double blocks = 0;            // that have texture beyond the noise, and are kept
  double agreement = 0;         // share of the texture in blocks that agree
  double pooled = 0;            // correlation from cell to cell of all kept blocks together
  // From the quarter of the blocks with the least texture to that with the most: the growth of the
  // residuals in units of the texture's, and the share of its texture that the latter has more.
  // Noise, however strong, does not grow with texture, and residuals of other images do.
  double growth = 1;
  double surplus = 0;
};

// What makes numbers doubtful though the images match, over the blocks that the loss kept.
struct Symptoms {
  // The contrast of the reference beyond the moving image's, as gain and bias have left it, and by
  // which it is brighter, in grey levels; each with Student's t over the blocks.
  double contrast = 1, contrast_t = 0;
  double brightness = 0, brightness_t = 0;
  double residual = 0;  // variance of the residuals within blocks
  // The variance of the means of residuals over blocks, in units of `residual`, for a block of
  // independent pixels 1 over their number.
  double of_means = 0;
  double count = 0;  // blocks
};

struct Findings {
  Evidence evidence;
  std::optional<Evidence> wide;  // four times as coarse; of small images none
  Symptoms symptoms;
};

// Of blocks [rectangle][channel][block], as they were concluded under `state`; the channels of a
// block are one.
Findings findings_of(const std::vector<LocalVariation>& blocks, const State& state);

// What is known of the images as a whole.
struct Whole {
  double correlation = 0;
  double overlap = 0;    // their common share
  double deviation = 0;  // standard deviation of a mapped point, in units of the longer side
};

// The probability that images of which all this is known match. Fitted by tools/fit_confidence.py.
double confidence_of(const Evidence& evidence, const Whole& whole);

}  // namespace photalign
