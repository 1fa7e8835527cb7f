// Both images of a rectangle, compared under one estimate: from pixels to residuals, weights and
// gradients.
#pragma once

#include "instrument_pillar.hpp"
#include "moving_footprint.hpp"
#include "moving_pillar.hpp"
#include "reference_pillar.hpp"
#include "workspace.hpp"

PHOTALIGN_ISA_BEGIN

// Which gradients there are to be.
enum class Gradients {
  none,
  moving,     // (gx, gy) is the moving image's, in the frame of the reference and with the gain
  reference,  // (gx, gy) is the reference's
  mean,       // (gx, gy) is the mean of both
  both        // (gx, gy) is the moving image's and (tx, ty) the reference's, and there is (zx, zy)
              // if the estimating equations take an instrument
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

// True where weights are 1 or 0, since validity is in the values.
inline bool has_plain_weights(const TilePass& pass) {
  return !is_soft(pass.reference_weight) && !is_soft(pass.moving_weight);
}

// Lanes that are pixels of the rectangle.
inline Int first_lanes(int count) { return whole_iota() < splat(std::int32_t{count}); }

template <class K>
class Comparison {
 public:
  // Where values and weights are not needed, they are not written.
  struct Needs {
    bool value, weights;
  };

  Comparison(const TilePass& pass, const Estimate& estimate, Gradients gradients,
             std::int64_t channel, const Rect& r, const Footprint& footprint, Needs needs,
             Workspace& work)
      : pass_(pass),
        estimate_(estimate),
        gradients_(gradients),
        needs_(needs),
        soft_reference_(is_soft(pass.reference_weight)),
        soft_moving_(is_soft(pass.moving_weight) && !footprint.empty),
        has_instrument_(gradients == Gradients::both && pass.instrument >= 0),
        empty_(footprint.empty),
        work_(work),
        gain_(static_cast<float>(estimate.gain[channel])),
        bias_(static_cast<float>(estimate.bias[channel])) {
    const int reach = std::max({stencil_radius<K>(need_reference(gradients)),
                                has_instrument_ ? Instrument::radius : 0, pass.is_matched ? 1 : 0});
    reference_ =
        cut(pass.reference, pass.reference_weight, channel, pass.offset,
            {r.x - reach, r.y - reach, r.width + 2 * reach, r.height + 2 * reach}, work.reference);
    if (empty_) return;
    const Rect& f = footprint.rect;
    moving_ = cut(pass.moving, pass.moving_weight, channel, pass.offset, f, work.moving);
    cells_ = {{static_cast<double>(f.x + K::before), static_cast<double>(f.y + K::before)},
              static_cast<int>(f.width) - K::taps,
              static_cast<int>(f.height) - K::taps,
              K::taps};
    // Weights are sampled linearly, from the inner taps of the kernel's footprint.
    if (soft_moving_)
      moving_weight_ =
          cut(pass.moving_weight, Image{}, 0, 0,
              {f.x + K::before, f.y + K::before, f.width - K::taps + 2, f.height - K::taps + 2},
              work.weight);
  }

  // Fills `to` with columns [x, x + count) of rows [y, y + rows), `stride` apart.
  void fill(std::int64_t x, std::int64_t y, int rows, int count, const Planes& to,
            std::int64_t stride) {
    look_at_reference(x, y, rows, to, stride);
    if (pass_.is_matched) matched_pillar(pass_.spread, reference_, x, y, rows, to.target, stride);
    inside_ = first_lanes(count);
    is_full_ = count == lanes;
    partial_rows_ = 0;
    if (soft_reference_) copy_reference_weights(x, y, rows, count);
    if (!empty_) locate(x, y, rows, count);
    need_moving(gradients_) ? sample<true>(rows, to, stride) : sample<false>(rows, to, stride);
    // All others are valid in full.
    const float full_rows = static_cast<float>(rows - partial_rows_);
    work_.reference_weight += full_rows;
    work_.covered_weight += full_rows;
  }

 private:
  void look_at_reference(std::int64_t x, std::int64_t y, int rows, const Planes& to,
                         std::int64_t stride) const {
    if (!need_reference(gradients_)) {
      reference_pillar<K, false>(reference_, x, y, rows, to.target, nullptr, nullptr, stride);
      return;
    }
    const bool only = gradients_ == Gradients::reference;
    reference_pillar<K, true>(reference_, x, y, rows, to.target, only ? to.gx : to.tx,
                              only ? to.gy : to.ty, stride);
    // In forward composition the reference's gradient does not decide which pixels are valid.
    if (gradients_ == Gradients::both && pass_.composition == Composition::forward)
      reference_pillar<K, false>(reference_, x, y, rows, to.target, nullptr, nullptr, stride);
    if (has_instrument_)
      instrument_pillar(Instrument(pass_.instrument), reference_, x, y, rows, to.tx, to.ty, to.zx,
                        to.zy, stride);
  }

  void copy_reference_weights(std::int64_t x, std::int64_t y, int rows, int count) const {
    for (int j = 0; j < rows; ++j)
      std::memcpy(work_.reference_mask + j * lanes, pass_.reference_weight.at(y + j, x, 0),
                  static_cast<std::size_t>(count) * sizeof(float));
  }

  void locate(std::int64_t x, std::int64_t y, int rows, int count) {
    const float factor = gain_ * (gradients_ == Gradients::mean ? 0.5f : 1.0f);
    if (estimate_.mapper)
      work_.positions.of_function(work_.pixels, x, y, rows, cells_, factor);
    else
      work_.positions.of_matrix(estimate_.warp, x, y, rows, count, cells_, factor);
  }

  template <bool Moving>
  void sample(int rows, const Planes& to, std::int64_t stride) {
    const Residuals<Moving> residuals = this->template residuals<Moving>(to, stride);
    if (empty_) {
      for (int j = 0; j < rows; ++j) residuals.take(j, Samples{}, Int{});
      return;
    }
    if (soft_moving_)
      sample_pillar<Linear, false>(moving_weight_, work_.positions, rows,
                                   SampledWeights{work_.moving_mask});
    sample_pillar<K, Moving>(moving_, work_.positions, rows, residuals);
  }

  struct SampledWeights {
    float* to;
    void take(int j, const Samples& s) const { store(to + j * lanes, s.value); }
    void take(int j, const Samples& s, Int) const { take(j, s); }
  };

  // Takes samples row by row. A copy lives in registers.
  template <bool Moving>
  struct Residuals {
    Comparison* all;
    const Planes* to;
    std::int64_t stride;
    float *target, *residual, *gx, *gy, *tx, *ty;
    float gain, bias;
    bool plain, mean, needs_more;

    // Samples of a row whose positions are valid, as nearly everywhere their pixels are.
    PHOTALIGN_INLINE void take(int j, Samples s) const {
      const std::int64_t at = j * stride;
      if constexpr (Moving) {
        if (mean) {
          s.gx += 0.5f * load(tx + at);
          s.gy += 0.5f * load(ty + at);
        }
      }
      const Float r = gain * s.value + (bias - load(target + at));
      if (!plain || !all_finite(r))
        return all->template put_partly<Moving>(j, s.value, s.gx, s.gy, ~Int{}, *this);
      store(residual + at, r);
      if constexpr (Moving) {
        store(gx + at, s.gx);
        store(gy + at, s.gy);
      }
      if (needs_more) all->put_value_and_weights(j, s.value, *to, stride);
    }

    void take(int j, Samples s, Int valid) const {
      if constexpr (Moving) {
        if (mean) {
          s.gx += 0.5f * load(tx + j * stride);
          s.gy += 0.5f * load(ty + j * stride);
        }
      }
      all->template put_partly<Moving>(j, s.value, s.gx, s.gy, valid, *this);
    }
  };

  template <bool Moving>
  Residuals<Moving> residuals(const Planes& to, std::int64_t stride) {
    return {this,
            &to,
            stride,
            to.target,
            to.residual,
            to.gx,
            to.gy,
            to.tx,
            to.ty,
            gain_,
            bias_,
            is_full_ && !soft_reference_ && !soft_moving_,
            gradients_ == Gradients::mean,
            needs_.value || needs_.weights};
  }

  PHOTALIGN_INLINE void put_value_and_weights(int j, Float value, const Planes& to,
                                              std::int64_t stride) const {
    if (needs_.value) store(to.value + j * stride, value);
    if (needs_.weights) store(to.weights + j * stride, splat(1.0f));
  }

  // Where some pixels of a row may be invalid, or weights are not 1.
  template <bool Moving>
  [[gnu::noinline]] void put_partly(int j, Float value, [[maybe_unused]] Float gx,
                                    [[maybe_unused]] Float gy, Int valid,
                                    const Residuals<Moving>& row) {
    const Planes at = row.to->shifted(j * row.stride);
    const Float target = load(at.target);
    const Float residual = row.gain * value + (bias_ - target);
    valid &= is_finite(residual) & inside_;
    const auto put = [valid](float* to, Float v) { store(to, select(valid, v, Float{})); };
    const auto clean = [&put](float* plane) { put(plane, load(plane)); };
    const Float weight = soft_reference_ ? load(work_.reference_mask + j * lanes) : splat(1.0f);
    ++partial_rows_;
    work_.reference_weight += select(is_finite(target) & inside_, weight, Float{});
    work_.covered_weight += select(valid, weight, Float{});
    put(at.weights, soft_moving_ ? weight * load(work_.moving_mask + j * lanes) : weight);
    put(at.residual, residual);
    put(at.value, value);
    if constexpr (Moving) {
      put(at.gx, gx);
      put(at.gy, gy);
    } else if (gradients_ == Gradients::reference) {
      clean(at.gx);
      clean(at.gy);
    }
    if (gradients_ == Gradients::both) {
      clean(at.tx);
      clean(at.ty);
    }
    if (has_instrument_) {
      clean(at.zx);
      clean(at.zy);
    }
  }

  const TilePass& pass_;
  const Estimate& estimate_;
  Gradients gradients_;
  Needs needs_;
  bool soft_reference_, soft_moving_, has_instrument_, empty_;
  Workspace& work_;
  float gain_, bias_;
  Patch reference_{}, moving_{}, moving_weight_{};
  Cells cells_{};
  // Of the pillar at hand: rows that may not be valid all over, and lanes that are pixels.
  int partial_rows_ = 0;
  Int inside_{};
  bool is_full_ = true;
};

PHOTALIGN_ISA_END
