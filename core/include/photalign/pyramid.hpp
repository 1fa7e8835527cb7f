// The levels of an image: level 0 is the image itself, each next one has half the resolution.
#pragma once

#include <cstdint>
#include <vector>

#include "image.hpp"
#include "parallel.hpp"
#include "uninitialized.hpp"

namespace photalign {

struct Level {
  Image image;
  Image weight;       // empty above level 0 unless weights are soft: invalid pixels are NaN there
  double offset = 0;  // still to be subtracted from the pixels: 0 above level 0
};

class Pyramid {
 public:
  Pyramid(const Image& image, const Image& weight, double offset, int levels,
          const Execution& execution);

  const Level& operator[](int level) const { return levels_[static_cast<std::size_t>(level)]; }
  int size() const { return static_cast<int>(levels_.size()); }

 private:
  std::vector<Level> levels_;
  UninitializedFloats planes_;
};

// A value near the middle of the image's range: subtracting it keeps sums of squares exact.
double typical_value(const Image& image, const Image& weight);

}  // namespace photalign
