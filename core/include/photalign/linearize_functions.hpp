// What the hot file `linearize.cpp` offers to the rest of the core: plain data in, plain sums out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "choices.hpp"
#include "image.hpp"
#include "mapped_pixels.hpp"

namespace photalign {

inline constexpr int tile_width = 128;
inline constexpr int tile_height = 32;

// Monomials x^e y^f of degree e + f <= n, ordered by e and then f.
constexpr int monomials(int n) { return (n + 1) * (n + 2) / 2; }
constexpr int monomial(int n, int e, int f) { return e * (n + 1) - e * (e - 1) / 2 + f; }

// Floats of one tile's losses as they may be kept: rho of every pixel, then the weights of masks.
inline constexpr int row_floats = tile_width + 16;  // whole vectors, and one to read beyond
inline constexpr std::int64_t tile_floats = std::int64_t{row_floats} * tile_height;
inline constexpr std::int64_t loss_floats = 2 * tile_floats;

inline constexpr int max_degree = 2;
inline constexpr int max_monomials = monomials(max_degree);
inline constexpr int max_products = monomials(2 * max_degree);

// One estimate of everything: where the pixels go and how their values change.
struct Estimate {
  double warp[9];                 // reference point -> moving point, row major, of this level
  PixelMapper* mapper = nullptr;  // what maps points instead, if the warp is no matrix
  const double* gain = nullptr;   // per channel, of values from which `offset` was subtracted
  const double* bias = nullptr;
};

// What is remembered of a tile, so that two estimates can be compared over the pixels valid for
// both.
struct TileRecord {
  double rho = 0;
  double valid = 0;
  bool complete = false;  // every valid pixel of the reference is valid in the moving image
};

// Sums over the valid pixels of one channel. w is the weight of a pixel with the loss's included, r
// the residual, m the moving value, (gx, gy) the gradient in the frame of the reference, and (x, y)
// the centred, scaled coordinates. All a warp has to say is which polynomials of (x, y) multiply
// (gx, gy).
struct Sums {
  double gg[3][max_products];   // w gx gx, w gx gy, w gy gy  times x^e y^f, e + f <= 2 degree
  double gr[2][max_monomials];  // w gx r, w gy r  times x^e y^f, e + f <= degree
  double gm[2][max_monomials];  // w gx m, w gy m
  double g1[2][max_monomials];  // w gx, w gy
  double w, wr, wm, wrr, wmr, wmm;
  double rho;        // the loss, with the weights of masks only
  double valid;      // weights of masks over valid pixels
  double covered;    // the same of the reference's mask only
  double reference;  // weights of the reference's mask over all its valid pixels
  double both, both_rho, both_rho_previous;  // over pixels valid for this estimate and the previous
};

// The rectangles of the reference that a pass looks at, in rows: those of row i are from starts[i]
// to starts[i + 1]. None is larger than a tile.
struct Tiles {
  const Rect* rects = nullptr;
  const std::int64_t* starts = nullptr;
  std::int64_t rows = 0;

  std::int64_t count() const { return starts[rows]; }
};

struct TilePass {
  Image reference, moving;
  Tiles tiles;
  Image reference_weight, moving_weight;  // one channel, u8 (0 or not) or f32, or empty
  double offset = 0;                      // subtracted from both images before anything else
  Kernel kernel = Kernel::linear;
  Composition composition = Composition::forward;
  // How smooth the gradient of the reference is that the estimating equations take, from 0 to 1;
  // the kernel's own if negative. See instrument_pillar.hpp, also for the spread.
  float instrument = -1;
  bool is_matched = false;
  float spread[2] = {};
  LossKind loss = LossKind::squared;
  float threshold = 0;
  int degree = 0;                                // of the polynomials above
  bool brightness = false;                       // gather the sums with m too
  double center_x = 0, center_y = 0, scale = 1;  // x = (column - center_x) * scale
  Estimate estimate;
  // Written if not null: [tile], and [tile][loss_floats].
  TileRecord* records = nullptr;
  float* losses = nullptr;
  // With a mapper: [channel][motion_sums], of the row of tiles at hand.
  double* motion = nullptr;
  // Another estimate to compare with, and what was written of it; without that it is sampled anew.
  bool compares = false;
  Estimate previous;
  const TileRecord* previous_records = nullptr;
  const float* previous_losses = nullptr;
};

// Blocks of the reference, and the sums of products of its gradient over the valid pixels of one.
inline constexpr std::int64_t texture_width = 32;
inline constexpr std::int64_t texture_height = 8;

struct TextureSums {
  double xx = 0, xy = 0, yy = 0;
};

// The loss at s = r^2: rho(s), the weight rho'(s), and d(rho'(s) r)/dr, the influence's slope.
struct LossValue {
  double rho, weight, slope;
};

struct LinearizeFunctions {
  std::size_t (*workspace_floats)();
  // One row of rectangles; sums[channel] is overwritten.
  void (*linearize)(const TilePass&, std::int64_t row_of_tiles, float* workspace, Sums* sums);
  // Absolute residuals of one row of pixels, [channel][column], NaN where invalid.
  void (*residual_row)(const TilePass&, std::int64_t row, float* workspace, float* out);
  // One row of blocks, all channels together; sums[block] are overwritten.
  void (*texture)(const TilePass&, std::int64_t row, float* workspace, TextureSums* sums);
  LossValue (*loss)(LossKind, double threshold, double square);
  void (*find_reference_frame)(const MappedStrip&);
  // Points[height][width][2] at full resolution, and where such are in the level.
  void (*list_points)(const PixelGrid&, double* points);
  void (*list_positions)(const PixelGrid&, const double* points, double* x, double* y);
  // Jacobians[count][2][parameters], as functions write them, to planes (parameter, axis).
  void (*list_planes)(const double* jacobians, std::int64_t count, std::int64_t parameters,
                      float* planes, std::int64_t plane);
};

}  // namespace photalign
