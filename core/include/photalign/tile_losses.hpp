// The losses of a tile: weights by the loss, and the comparison of two estimates.
#pragma once

#include "losses.hpp"
#include "tile_pass.hpp"

PHOTALIGN_ISA_BEGIN

// Puts the loss on rows: weights come to include the loss's. Losses and the weights of masks can be
// kept per pixel of the tile, for the comparison of two estimates. If these weights are 1 or 0,
// `no_loss` stands for 0, and nothing else is kept.
inline constexpr float no_loss = -1;

struct Losses {
  const TilePass& pass;
  const Rect& tile;
  float* kept;  // loss_floats, or null
  Float rho{}, weight{};

  void weigh(std::int64_t x, std::int64_t y, int count, Workspace& work) {
    const int vectors = (count + lanes - 1) / lanes;
    weigh(x, y, {vectors, lanes, work.residual, work.weights});
  }

  void weigh_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) {
    weigh(x, y, {rows, row_floats, work.planes.residual, work.planes.weights});
  }

 private:
  // One vector after another; in what is kept, they are `apart` floats apart.
  struct Vectors {
    int count;
    int apart;
    const float* residual;
    float* weights;
  };

  void weigh(std::int64_t x, std::int64_t y, const Vectors& vectors) {
    const std::int64_t at = (y - tile.y) * row_floats + (x - tile.x);
    with_loss(pass.loss, [&](auto loss) {
      using L = decltype(loss);
      if (!kept)
        weigh_by<L, Kept::nothing>(vectors, nullptr);
      else if (has_plain_weights(pass))
        weigh_by<L, Kept::losses>(vectors, kept + at);
      else
        weigh_by<L, Kept::losses_and_weights>(vectors, kept + at);
    });
  }

  enum class Kept { nothing, losses, losses_and_weights };

  template <class L, Kept what>
  void weigh_by(const Vectors& vectors, float* __restrict to) {
    const Float c = splat(pass.threshold);
    Float sum_rho{}, sum_weight{};
    for (int i = 0; i < vectors.count; ++i) {
      float* __restrict weights = vectors.weights + i * lanes;
      const Float mask = load(weights);
      const Float r = load(vectors.residual + i * lanes);
      const auto influence = L::at(r * r, c);
      sum_rho += mask * influence.rho;
      sum_weight += mask;
      if constexpr (!std::is_same_v<L, Squared>) store(weights, mask * influence.weight);
      if constexpr (what == Kept::losses)
        store(to + i * vectors.apart, select(mask > 0, influence.rho, splat(no_loss)));
      if constexpr (what == Kept::losses_and_weights) {
        store(to + i * vectors.apart, influence.rho);
        store(to + tile_floats + i * vectors.apart, mask);
      }
    }
    rho += sum_rho;
    weight += sum_weight;
  }
};

// The losses of a tile and nothing else.
struct LossSink final : PillarSink {
  Losses losses;
  explicit LossSink(Losses l) : losses(l) {}

  void take_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) override {
    losses.weigh_pillar(x, y, rows, work);
  }

  template <class K>
  void compare(const Estimate& estimate, std::int64_t channel, Workspace& work) {
    compare_pillars<K>(losses.pass, estimate, Gradients::none, {false, true}, channel, losses.tile,
                       work, *this);
  }
};

// Adds the losses of two estimates over the pixels that are valid for both.
template <bool plain_weights, class Total>
void add_common(const Rect& tile, const float* now, const float* before, Total& sums) {
  Float both{}, rho{}, rho_before{};
  for (std::int64_t j = 0; j < tile.height; ++j) {
    const std::int64_t row = j * row_floats;
    for (std::int64_t i = row; i < row + tile.width; i += lanes) {
      // Beyond the tile's width the weights are 0.
      const Float rho_now = load(now + i), rho_then = load(before + i);
      Float w;
      if constexpr (plain_weights)
        w = select((rho_now >= 0) & (rho_then >= 0), splat(1.0f), Float{});
      else
        w = min(load(now + tile_floats + i), load(before + tile_floats + i));
      both += w;
      rho += w * rho_now;
      rho_before += w * rho_then;
    }
  }
  sums.both += sum(both);
  sums.both_rho += sum(rho);
  sums.both_rho_previous += sum(rho_before);
}

// Where the losses of a tile go: kept for the next estimate, needed for this comparison, or
// nowhere.
inline float* place_for_losses(const TilePass& pass, std::int64_t index, const Workspace& work) {
  if (pass.losses) return pass.losses + index * loss_floats;
  return pass.compares ? work.losses : nullptr;
}

// Adds the totals of a tile, and compares with the previous estimate, if there is one. `losses` and
// `of_tile` are the tile's at this estimate.
template <class K, class Total>
void add_losses(const TilePass& pass, const Rect& tile, std::int64_t index, std::int64_t channel,
                const float* losses, const Losses& of_tile, Workspace& work, Total& sums) {
  const double rho = sum(of_tile.rho), valid = sum(of_tile.weight);
  const double covered = sum(work.covered_weight), reference = sum(work.reference_weight);
  sums.rho += rho;
  sums.valid += valid;
  sums.covered += covered;
  sums.reference += reference;
  // Where all of the reference is valid for both estimates their sums can be compared as they are.
  const bool complete = !is_soft(pass.moving_weight) && covered == reference;
  if (pass.records) pass.records[index] = {rho, valid, complete};
  if (!pass.compares) return;
  if (complete && pass.previous_records && pass.previous_records[index].complete) {
    sums.both += valid;
    sums.both_rho += rho;
    sums.both_rho_previous += pass.previous_records[index].rho;
  } else if (valid > 0) {
    const float* before = work.previous_losses;
    if (pass.previous_losses) {
      before = pass.previous_losses + index * loss_floats;
    } else {
      LossSink previous({pass, tile, work.previous_losses});
      previous.compare<K>(pass.previous, channel, work);
    }
    has_plain_weights(pass) ? add_common<true>(tile, losses, before, sums)
                            : add_common<false>(tile, losses, before, sums);
  }
}

PHOTALIGN_ISA_END
