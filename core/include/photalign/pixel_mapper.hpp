// Maps the pixels of a level by a function of the user's, a strip of them at a time.
//
// Tiles ask for their own rectangle. A call of a function in Python costs as much as some thousand
// pixels, so that a strip of several tiles is mapped at once; its Jacobian lies in the second cache
// and is overwritten by that of the next.
#pragma once

#include <memory>
#include <vector>

#include "level_grid.hpp"
#include "mapped_pixels.hpp"
#include "point_warp.hpp"

namespace photalign {

class StripMapper : public PixelMapper {
 public:
  explicit StripMapper(const PointWarp& warp);
  // From now on this is mapped.
  void begin(const LevelGrid& grid, const std::vector<double>& params);

 private:
  struct Region {
    std::int64_t x = 0, y = 0, width = 0, height = 0;
    bool contains(const Region& r) const {
      return x <= r.x && y <= r.y && r.x + r.width <= x + width && r.y + r.height <= y + height;
    }
  };

  MappedPixels mapped(const Region& wanted, bool with_motion);
  void map_strip(const Region& wanted, bool with_motion);

  const PointWarp& warp_;
  LevelGrid grid_;
  std::vector<double> params_;
  Region usable_;  // of the strip: without its margin
  Region strip_;
  bool has_motion_ = false;
  std::vector<double> points_, mapped_, positions_;
  std::vector<float> frames_, motions_, rows_, sums_;
};

// The mappers of an alignment: for each thread, the estimate at hand and the one before it.
class StripMappers {
 public:
  StripMappers(const PointWarp& warp, int threads);
  void begin(int estimate, const LevelGrid& grid, const std::vector<double>& params);
  PixelMapper* of(int worker, int estimate) {
    return mappers_[static_cast<std::size_t>(2 * worker + estimate)].get();
  }

 private:
  std::vector<std::unique_ptr<StripMapper>> mappers_;
};

}  // namespace photalign
