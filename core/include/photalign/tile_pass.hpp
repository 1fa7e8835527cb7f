// One pass over one tile: warp, sample, compare. The only place where the two images meet.
#pragma once

#include "comparison.hpp"

PHOTALIGN_ISA_BEGIN

// Takes the rows of a tile, one after the other: pixels [x, x + count) of row y are in the
// workspace.
struct RowSink {
  virtual void take(std::int64_t x, std::int64_t y, int count, Workspace& work) = 0;

 protected:
  ~RowSink() = default;
};

// Takes a tile pillar by pillar: pixels [x, x + lanes) of rows [y, y + rows) are in the planes of
// the workspace, a vector each.
struct PillarSink {
  virtual void take_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) = 0;

 protected:
  ~PillarSink() = default;
};

// Calls body(rectangle, footprint) for `r`, or if its footprint is too large for the caches, for
// parts of it.
template <class K, class Body>
void for_parts(const TilePass& pass, const Estimate& estimate, Gradients gradients, const Rect& r,
               Workspace& work, Body&& body) {
  if (estimate.mapper)
    work.pixels = estimate.mapper->map(*estimate.mapper, r.x, r.y, r.width, r.height,
                                       gradients != Gradients::none);
  const Box box = estimate.mapper ? Box(work.pixels, r) : Box(estimate.warp, r);
  const Footprint footprint(box, pass.moving, K::taps, K::before);
  if (footprint.empty || !footprint.too_large()) return body(r, footprint);
  Rect a = r, b = r;
  if (r.width >= r.height) {
    a.width = r.width / 2;
    b.x += a.width;
    b.width -= a.width;
  } else {
    a.height = r.height / 2;
    b.y += a.height;
    b.height -= a.height;
  }
  for_parts<K>(pass, estimate, gradients, a, work, body);
  for_parts<K>(pass, estimate, gradients, b, work, body);
}

// Compares the rectangle `r` of one channel under `estimate`, pillar by pillar.
template <class K>
void compare_pillars(const TilePass& pass, const Estimate& estimate, Gradients gradients,
                     typename Comparison<K>::Needs needs, std::int64_t channel, const Rect& r,
                     Workspace& work, PillarSink& sink) {
  for (std::int64_t top = r.y; top < r.y + r.height; top += pillar_height) {
    const Rect slice{r.x, top, r.width,
                     std::min<std::int64_t>(r.y + r.height - top, pillar_height)};
    for_parts<K>(pass, estimate, gradients, slice, work, [&](const Rect& part, const Footprint& f) {
      Comparison<K> comparison(pass, estimate, gradients, channel, part, f, needs, work);
      const int rows = static_cast<int>(part.height);
      for (std::int64_t x = part.x; x < part.x + part.width; x += lanes) {
        const int count = static_cast<int>(std::min<std::int64_t>(part.x + part.width - x, lanes));
        comparison.fill(x, part.y, rows, count, work.planes, lanes);
        sink.take_pillar(x, part.y, rows, work);
      }
    });
  }
}

// The same row by row, for those who look at neighbors.
template <class K>
void compare(const TilePass& pass, const Estimate& estimate, Gradients gradients,
             std::int64_t channel, const Rect& r, Workspace& work, RowSink& sink) {
  for_parts<K>(pass, estimate, gradients, r, work, [&](const Rect& part, const Footprint& f) {
    Comparison<K> comparison(pass, estimate, gradients, channel, part, f, {true, true}, work);
    const int width = static_cast<int>(part.width);
    for (std::int64_t y = part.y; y < part.y + part.height; y += band_height) {
      const int rows =
          static_cast<int>(std::min<std::int64_t>(part.y + part.height - y, band_height));
      for (int i = 0; i < width; i += lanes)
        comparison.fill(part.x + i, y, rows, std::min(width - i, lanes), work.planes.shifted(i),
                        row_floats);
      for (int j = 0; j < rows; ++j) {
        work.at_row(j);
        sink.take(part.x, y + j, width, work);
      }
    }
  });
}

// Calls body with the kernel as a type, once per tile.
template <class Body>
void with_alignment_kernel(Kernel kernel, Body&& body) {
  switch (kernel) {
    case Kernel::linear:
      return body(Linear{});
    case Kernel::catmull_rom:
      return body(CatmullRom{});
    case Kernel::bspline3:
      return body(BSpline3{});
    case Kernel::bspline5:
      return body(BSpline5{});
    default:
      return;  // a kernel of samplers only
  }
}

PHOTALIGN_ISA_END
