// A warp on one level, as the optimizer sees it: how it steps, and how far that moves pixels.
//
// Steps are taken in unknowns that the warp chooses, all of one size: near the identity for
// matrices, orthonormal for functions. Only `change` and the state speak of the user's parameters.
#pragma once

#include <memory>
#include <vector>

#include "choices.hpp"
#include "linearize_functions.hpp"
#include "matrix.hpp"
#include "pixel_mapper.hpp"
#include "state.hpp"

namespace photalign {

class LevelWarp {
 public:
  virtual ~LevelWarp() = default;
  virtual std::size_t parameters() const = 0;
  // Of the polynomials that multiply the gradient, if the warp has such.
  virtual int degree() const { return 0; }
  // A state at full resolution on this level, and back.
  virtual void to_level(State& state) const = 0;
  virtual void to_full(State& state) const = 0;
  virtual void step(State& state, const double* step, Composition composition) const = 0;
  // The largest distance between points of the reference, the corners first, under two states, in
  // pixels of level 0. States are those of this level, or of level 0 if there is none above.
  virtual double motion(const State& a, const State& b) const = 0;
  // How the user's parameters, and then x and y of the mapped corners of the reference and maybe of
  // other points, change with the unknowns, at full resolution: row major, a row for each of them.
  // NaN for points that are mapped to nothing.
  virtual std::vector<double> changes(const State& state) const = 0;
  // Adds a channel's sums to J'WJ and J'Wr; gain and bias of the channel are at `at`, if there are
  // any.
  virtual void add(const Sums& sums, const double* of_motion, std::size_t at, bool brightness,
                   Matrix& hessian, std::vector<double>& gradient) const = 0;
  // Whether the unknowns move pixels at all, whatever the images are.
  virtual bool determined() const { return true; }
};

// The corners of an image clockwise from (0, 0).
inline std::vector<Point> corners_of(std::int64_t width, std::int64_t height) {
  const double right = static_cast<double>(width) - 1, bottom = static_cast<double>(height) - 1;
  return {{0, 0}, {right, 0}, {right, bottom}, {0, bottom}};
}

// A built-in warp. `grid` is that of the reference.
std::unique_ptr<LevelWarp> matrix_warp(WarpKind kind, const LevelGrid& grid);

// A function, whose unknowns are made for the parameters of `start`.
std::unique_ptr<LevelWarp> function_warp(const PointWarp& warp, const LevelGrid& grid,
                                         const State& start);

}  // namespace photalign
