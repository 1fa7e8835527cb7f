// One pass over one tile: warp, sample, compare. The only place where the two images meet.
#pragma once

#include "instrument_rows.hpp"
#include "moving_rows.hpp"
#include "reference_rows.hpp"

PHOTALIGN_ISA_BEGIN

// The covariance looks at taller tiles, since they overlap.
inline constexpr int sandwich_height = 64;
inline constexpr std::int64_t sandwich_floats = std::int64_t{row_floats} * sandwich_height;

// The memory of one thread: patches of both images and of the weight, rows, and the tile's losses.
struct Workspace {
  float *reference, *moving, *weight;
  float *losses, *previous_losses;  // loss_floats each
  float *psi, *psi_valid;           // tile_floats each
  float* sandwich;                  // 6 * sandwich_floats
  float *stencil, *u, *v, *ones, *reference_mask, *moving_mask;
  // The row at hand. Invalid entries have weight 0 and are 0; `target` is NaN where the reference
  // is.
  float *value, *target, *residual, *weights, *gx, *gy, *tx, *ty, *zx, *zy;
  // Where the pixels at hand go, if the warp is no matrix.
  MappedPixels pixels;
  // Sums of the reference's weights over its valid pixels, and over those valid in both images.
  Float reference_weight{}, covered_weight{};

  static constexpr std::int64_t patch = max_patch_floats + 64;
  static constexpr std::int64_t floats =
      3 * patch + 3 * loss_floats + 6 * sandwich_floats + (2 + 15) * row_floats + 64;

  explicit Workspace(float* memory) {
    // Everything starts on cache lines.
    memory += ((64 - reinterpret_cast<std::uintptr_t>(memory) % 64) % 64) / sizeof(float);
    const auto take = [&memory](float*& p, std::int64_t count) {
      p = memory;
      memory += count;
    };
    take(reference, patch);
    take(moving, patch);
    take(weight, patch);
    take(losses, loss_floats);
    take(previous_losses, loss_floats);
    take(psi, tile_floats);
    take(psi_valid, tile_floats);
    take(sandwich, 6 * sandwich_floats);
    take(stencil, 2 * row_floats);
    take(u, row_floats);
    take(v, row_floats);
    take(value, row_floats);
    take(target, row_floats);
    take(residual, row_floats);
    take(weights, row_floats);
    take(gx, row_floats);
    take(gy, row_floats);
    take(tx, row_floats);
    take(ty, row_floats);
    take(zx, row_floats);
    take(zy, row_floats);
    take(reference_mask, row_floats);
    take(moving_mask, row_floats);
    take(ones, row_floats);
    std::fill(ones, ones + row_floats, 1.0f);
  }
};

// Takes the rows of a tile, one after the other: pixels [x, x + count) of row y are in the
// workspace.
struct RowSink {
  virtual void take(std::int64_t x, std::int64_t y, int count, Workspace& work) = 0;

 protected:
  ~RowSink() = default;
};

// The box of the points of the moving image that a rectangle of the reference goes to; NaN or
// turned around if there is none.
struct Box {
  double low[2] = {HUGE_VAL, HUGE_VAL};
  double high[2] = {-HUGE_VAL, -HUGE_VAL};

  // A projective map takes the rectangle into the hull of its corners.
  Box(const double* h, const Rect& r) {
    for (int corner = 0; corner < 4; ++corner) {
      const double x = static_cast<double>(r.x + (corner & 1 ? r.width - 1 : 0));
      const double y = static_cast<double>(r.y + (corner & 2 ? r.height - 1 : 0));
      const double depth = h[6] * x + h[7] * y + h[8];
      // Behind the horizon, or not a number: nothing to see.
      if (!(depth > 1e-9)) {
        *this = Box();
        return;
      }
      include(0, (h[0] * x + h[1] * y + h[2]) / depth);
      include(1, (h[3] * x + h[4] * y + h[5]) / depth);
    }
  }

  Box(const MappedPixels& pixels, const Rect& r) {
    for (int axis = 0; axis < 2; ++axis) {
      Double least = Double{} + HUGE_VAL, greatest = -least;
      for (std::int64_t j = 0; j < r.height; ++j) {
        const double* row = pixels.position[axis] + pixels.at(r.x, r.y + j);
        std::int64_t i = 0;
        for (; i + lanes / 2 <= r.width; i += lanes / 2) {
          const Double v = load(row + i);
          least = select(v < least, v, least);
          greatest = select(v > greatest, v, greatest);
        }
        for (; i < r.width; ++i) include(axis, row[i]);
      }
      // Lanes without a position are as the box was.
      for (int i = 0; i < lanes / 2; ++i) include(axis, least[i], greatest[i]);
    }
  }

 private:
  Box() = default;

  void include(int axis, double v) { include(axis, v, v); }

  // Not NaN.
  void include(int axis, double least, double greatest) {
    low[axis] = least < low[axis] ? least : low[axis];
    high[axis] = greatest > high[axis] ? greatest : high[axis];
  }
};

// The footprint in the moving image of a rectangle of the reference: the cells that it needs. Empty
// if nothing of it is inside.
struct Footprint {
  Rect rect;
  bool empty = true;

  Footprint(const Box& box, const Image& moving, int taps, int before) {
    // Cells whose taps are all inside, and a hair more than needed, since positions are rounded.
    constexpr double hair = 0.01;
    const auto first = [before](double low) {
      return std::max(std::floor(low - hair), static_cast<double>(before));
    };
    const auto last = [before, taps](double high, std::int64_t size) {
      return std::min(std::floor(high + hair), static_cast<double>(size - taps + before));
    };
    const double x0 = first(box.low[0]), x1 = last(box.high[0], moving.width);
    const double y0 = first(box.low[1]), y1 = last(box.high[1], moving.height);
    if (!(x1 >= x0 && y1 >= y0)) return;
    empty = false;
    rect = {static_cast<std::int64_t>(x0) - before, static_cast<std::int64_t>(y0) - before,
            static_cast<std::int64_t>(x1 - x0) + taps, static_cast<std::int64_t>(y1 - y0) + taps};
  }

  bool too_large() const { return rect.width * rect.height > max_patch_floats; }
};

// Which gradients a row is to have.
enum class Gradients {
  none,
  moving,     // (gx, gy) is the moving image's, in the frame of the reference and with the gain
  reference,  // (gx, gy) is the reference's
  mean,       // (gx, gy) is the mean of both
  both        // (gx, gy) is the moving image's and (tx, ty) the reference's
};

// The gradient that the Jacobian of a composition takes.
inline Gradients gradients_of(Composition composition) {
  switch (composition) {
    case Composition::forward:
      return Gradients::moving;
    case Composition::inverse:
      return Gradients::reference;
    case Composition::esm:
      return Gradients::mean;
  }
  return Gradients::none;
}

inline bool need_moving(Gradients g) {
  return g == Gradients::moving || g == Gradients::mean || g == Gradients::both;
}
inline bool need_reference(Gradients g) {
  return g == Gradients::reference || g == Gradients::mean || g == Gradients::both;
}

inline bool is_soft(const Image& weight) { return weight && weight.dtype == DType::f32; }

// The weights of one row: those of the reference's pixels and those of the samples of the moving
// image. Ones where a mask only says which pixels are valid, since validity is in the values.
struct Masks {
  const float* reference;
  const float* moving;
};

// From samples of both images to residuals, weights and the gradient in the frame of the reference.
template <Gradients gradients>
void finish_row(float gain, float bias, const Masks& masks, int count, Workspace& work) {
  float* __restrict weights = work.weights;
  float* __restrict residuals = work.residual;
  float* __restrict value = work.value;
  float* __restrict gx = work.gx;
  float* __restrict gy = work.gy;
  float* __restrict tx = work.tx;
  float* __restrict ty = work.ty;
  const float* __restrict target = work.target;
  const Float index = iota();
  Float reference_weight{}, covered_weight{};
  for (int i = 0; i < count; i += lanes) {
    const Float m = load(value + i);
    const Float t = load(target + i);
    const Float residual = gain * m + bias - t;
    const Int inside = index < splat(static_cast<float>(count - i));
    const Int valid = is_finite(residual) & inside;
    const auto put = [valid, i](float* to, Float v) { store(to + i, select(valid, v, Float{})); };
    const Float w = load(masks.reference + i);
    reference_weight += select(is_finite(t) & inside, w, Float{});
    covered_weight += select(valid, w, Float{});
    put(weights, w * load(masks.moving + i));
    put(residuals, residual);
    put(value, m);
    if constexpr (gradients == Gradients::moving) {
      put(gx, gain * load(gx + i));
      put(gy, gain * load(gy + i));
    } else if constexpr (gradients == Gradients::reference) {
      put(gx, load(tx + i));
      put(gy, load(ty + i));
    } else if constexpr (gradients == Gradients::mean) {
      put(gx, 0.5f * (gain * load(gx + i) + load(tx + i)));
      put(gy, 0.5f * (gain * load(gy + i) + load(ty + i)));
    } else if constexpr (gradients == Gradients::both) {
      put(gx, gain * load(gx + i));
      put(gy, gain * load(gy + i));
      put(tx, load(tx + i));
      put(ty, load(ty + i));
    }
  }
  work.reference_weight += reference_weight;
  work.covered_weight += covered_weight;
}

inline void finish_row(Gradients gradients, float gain, float bias, const Masks& masks, int count,
                       Workspace& work) {
  switch (gradients) {
    case Gradients::none:
      return finish_row<Gradients::none>(gain, bias, masks, count, work);
    case Gradients::moving:
      return finish_row<Gradients::moving>(gain, bias, masks, count, work);
    case Gradients::reference:
      return finish_row<Gradients::reference>(gain, bias, masks, count, work);
    case Gradients::mean:
      return finish_row<Gradients::mean>(gain, bias, masks, count, work);
    case Gradients::both:
      return finish_row<Gradients::both>(gain, bias, masks, count, work);
  }
}

// Compares the rectangle `r` of one channel under `estimate`, row by row. A rectangle whose
// footprint is too large for the caches is split.
template <class K>
void compare(const TilePass& pass, const Estimate& estimate, Gradients gradients,
             std::int64_t channel, const Rect& r, Workspace& work, RowSink& sink) {
  if (estimate.mapper)
    work.pixels = estimate.mapper->map(*estimate.mapper, r.x, r.y, r.width, r.height,
                                       gradients != Gradients::none);
  const Box box = estimate.mapper ? Box(work.pixels, r) : Box(estimate.warp, r);
  const Footprint footprint(box, pass.moving, K::taps, K::before);
  if (!footprint.empty && footprint.too_large()) {
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
    compare<K>(pass, estimate, gradients, channel, a, work, sink);
    compare<K>(pass, estimate, gradients, channel, b, work, sink);
    return;
  }

  const bool has_instrument = gradients == Gradients::both && pass.instrument >= 0;
  const int reach = std::max({stencil_radius<K>(need_reference(gradients)),
                              has_instrument ? Instrument::radius : 0, pass.is_matched ? 1 : 0});
  const Patch reference =
      cut(pass.reference, pass.reference_weight, channel, pass.offset,
          {r.x - reach, r.y - reach, r.width + 2 * reach, r.height + 2 * reach}, work.reference);
  const bool soft = !footprint.empty && is_soft(pass.moving_weight);
  Patch moving{}, weight{};
  if (!footprint.empty)
    moving =
        cut(pass.moving, pass.moving_weight, channel, pass.offset, footprint.rect, work.moving);
  if (soft) {
    // Weights are sampled linearly, from the inner taps of the kernel's footprint.
    const Rect& f = footprint.rect;
    weight = cut(pass.moving_weight, Image{}, 0, 0,
                 {f.x + K::before, f.y + K::before, f.width - K::taps + 2, f.height - K::taps + 2},
                 work.weight);
  }
  const float gain = static_cast<float>(estimate.gain[channel]);
  const float bias = static_cast<float>(estimate.bias[channel]);
  const int count = static_cast<int>(r.width);

  for (std::int64_t y = r.y; y < r.y + r.height; ++y) {
    if (need_reference(gradients))
      reference_row<K, true>(reference, r.x, y, count, work.stencil, work.target, work.tx, work.ty);
    // In forward composition the reference's gradient does not decide which pixels are valid.
    if (!need_reference(gradients) ||
        (gradients == Gradients::both && pass.composition == Composition::forward))
      reference_row<K, false>(reference, r.x, y, count, work.stencil, work.target, nullptr,
                              nullptr);
    if (pass.is_matched)
      matched_row(pass.spread, reference, r.x, y, count, work.stencil, work.target);
    if (footprint.empty) {
      std::fill(work.value, work.value + row_floats, invalid());
    } else {
      const double origin[2] = {static_cast<double>(footprint.rect.x + K::before),
                                static_cast<double>(footprint.rect.y + K::before)};
      const auto sample = [&](const auto& row) {
        row.positions(count, work.u, work.v);
        if (need_moving(gradients)) {
          sample_row<K, true>(moving, work.u, work.v, row.is_monotone, count, work.value, work.gx,
                              work.gy);
          row.pull_back(count, work.u, work.v, work.gx, work.gy);
        } else {
          sample_row<K, false>(moving, work.u, work.v, row.is_monotone, count, work.value, nullptr,
                               nullptr);
        }
        if (soft)
          sample_row<Linear, false>(weight, work.u, work.v, row.is_monotone, count,
                                    work.moving_mask, nullptr, nullptr);
      };
      if (estimate.mapper)
        sample(MappedRow(work.pixels, r.x, y, origin));
      else
        sample(RowWarp(estimate.warp, static_cast<double>(r.x), static_cast<double>(y), origin));
    }
    Masks masks{work.ones, soft ? work.moving_mask : work.ones};
    if (is_soft(pass.reference_weight)) {
      std::memcpy(work.reference_mask, pass.reference_weight.at(y, r.x, 0),
                  static_cast<std::size_t>(count) * sizeof(float));
      masks.reference = work.reference_mask;
    }
    finish_row(gradients, gain, bias, masks, count, work);
    if (has_instrument)
      instrument_row(Instrument(pass.instrument), reference, r.x, y, count, work.stencil, work.tx,
                     work.ty, work.zx, work.zy);
    sink.take(r.x, y, count, work);
  }
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
