// A warp that the user wrote.
#pragma once

#include <cstdint>

namespace photalign {

// Any function of points and parameters. It is called for many points at a time and from several
// threads; what it throws ends the alignment.
class PointWarp {
 public:
  virtual ~PointWarp() = default;
  virtual int parameters() const = 0;
  // As many points at once make up for the cost of a call.
  virtual std::int64_t worthwhile() const = 0;
  // points[count][2] to mapped[count][2], NaN where there is nothing to see, and unless it is null
  // jacobian[parameter][axis], planes of `plane` floats.
  virtual void map(const double* params, std::int64_t count, const double* points, double* mapped,
                   float* jacobian, std::int64_t plane) const = 0;
};

}  // namespace photalign
