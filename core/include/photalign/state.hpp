// What the optimizer looks for.
#pragma once

#include <vector>

#include "matrix.hpp"

namespace photalign {

// An estimate in the coordinates and (offset) values of a level. A warp is its matrix or, if it is
// a function, its parameters.
struct State {
  Matrix3 warp = identity3();
  std::vector<double> params;
  std::vector<double> gain, bias;
};

}  // namespace photalign
