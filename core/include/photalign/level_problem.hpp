// The alignment of one level as an optimization problem: evaluate an estimate, apply a step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "align.hpp"
#include "linearize_functions.hpp"
#include "normal_equations.hpp"
#include "pyramid.hpp"
#include "scratch.hpp"
#include "variants.hpp"
#include "warps.hpp"

namespace photalign {

// An estimate in the coordinates and (offset) values of a level.
struct State {
  Matrix3 warp;
  std::vector<double> gain, bias;
};

struct Evaluation {
  std::vector<Sums> channels;
  Sums total;
  std::vector<TileRecord> records;
  const float* losses =
      nullptr;  // of every pixel, where the image is small; until the next but one

  double mean_loss() const { return total.valid > 0 ? total.rho / total.valid : HUGE_VAL; }
  double overlap() const { return total.reference > 0 ? total.covered / total.reference : 0; }
};

// Adds structs that hold nothing but doubles, field by field.
template <class T>
void add_fields(const T& from, T& to) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(double) == 0);
  double source[sizeof(T) / sizeof(double)], target[sizeof(T) / sizeof(double)];
  std::memcpy(source, &from, sizeof(T));
  std::memcpy(target, &to, sizeof(T));
  for (std::size_t i = 0; i < sizeof(T) / sizeof(double); ++i) target[i] += source[i];
  std::memcpy(&to, target, sizeof(T));
}

class LevelProblem {
 public:
  LevelProblem(const Level& reference, const Level& moving, int level, WarpKind warp, Kernel kernel,
               Composition composition, LossKind loss, Brightness brightness,
               const Execution& execution, Scratch& scratch)
      : model_(warp, unit(reference.image)),
        brightness_(brightness),
        execution_(execution),
        scratch_(scratch),
        from_level_(from_level(level)) {
    pass_.reference = reference.image;
    pass_.moving = moving.image;
    pass_.reference_weight = reference.weight;
    pass_.moving_weight = moving.weight;
    pass_.offset = reference.offset;
    pass_.kernel = kernel;
    pass_.composition = composition;
    pass_.loss = loss;
    pass_.degree = model_.degree;
    pass_.center_x = (static_cast<double>(reference.image.width) - 1) / 2;
    pass_.center_y = (static_cast<double>(reference.image.height) - 1) / 2;
    pass_.scale = 1 / unit(reference.image);
  }

  const TilePass& pass() const { return pass_; }
  const WarpModel& model() const { return model_; }
  bool has_brightness() const { return brightness_ != Brightness::none; }
  void set_threshold(double threshold) { pass_.threshold = static_cast<float>(threshold); }
  void set_loss(LossKind loss) { pass_.loss = loss; }

  // Centred, scaled coordinates to pixels of this level.
  Matrix3 from_normalized() const {
    return similarity3(1 / pass_.scale, pass_.center_x, pass_.center_y);
  }
  Matrix3 to_full(const Matrix3& warp) const { return from_level_ * warp * inverse(from_level_); }
  Matrix3 to_level(const Matrix3& warp) const { return inverse(from_level_) * warp * from_level_; }

  // Sums at `state`. With `previous`, also the losses of both over the pixels valid for both;
  // `of_previous` may hold what was remembered of it.
  Evaluation evaluate(const State& state, const State* previous = nullptr,
                      const Evaluation* of_previous = nullptr) {
    TilePass pass = pass_;
    pass.brightness = has_brightness();
    pass.estimate = estimate_of(state);
    Estimate before;
    if (previous) {
      before = estimate_of(*previous);
      pass.previous = &before;
      if (of_previous) {
        pass.previous_records = of_previous->records.data();
        pass.previous_losses = of_previous->losses;
      }
    }
    const std::int64_t rows = pass.rows_of_tiles();
    const auto channels = static_cast<std::size_t>(pass.reference.channels);
    Evaluation result;
    result.records.resize(static_cast<std::size_t>(rows * pass.columns_of_tiles()) * channels);
    pass.records = result.records.data();
    // For the comparison with the next estimate; a large image is rather sampled again at its
    // edges.
    if (pass.reference.width * pass.reference.height <= kept_pixels) {
      pass.losses =
          scratch_.losses(result.records.size(), of_previous ? of_previous->losses : nullptr);
      result.losses = pass.losses;
    }
    std::vector<Sums> of_rows(static_cast<std::size_t>(rows) * channels);
    const LinearizeFunctions& functions = *variant().linearize;
    parallel_for(execution_, rows, [&](std::int64_t row, int worker) {
      functions.linearize(pass, row, scratch_.of_thread(worker),
                          of_rows.data() + static_cast<std::size_t>(row) * channels);
    });
    // Always in the order of the rows: the same bits for any number of threads.
    result.channels.assign(channels, Sums{});
    result.total = Sums{};
    for (std::size_t i = 0; i < of_rows.size(); ++i) {
      add_fields(of_rows[i], result.channels[i % channels]);
      add_fields(of_rows[i], result.total);
    }
    return result;
  }

  // What `function(pass, row, workspace, out)` writes for each of `rows` rows, `per_row` entries
  // each.
  template <class T, class Function>
  std::vector<T> per_row(const State& state, const State* previous, std::int64_t rows,
                         std::size_t per_row, Function&& function) {
    TilePass pass = pass_;
    pass.brightness = has_brightness();
    pass.estimate = estimate_of(state);
    Estimate before;
    if (previous) {
      before = estimate_of(*previous);
      pass.previous = &before;
    }
    std::vector<T> found(static_cast<std::size_t>(rows) * per_row);
    parallel_for(execution_, rows, [&](std::int64_t row, int worker) {
      function(pass, row, scratch_.of_thread(worker),
               found.data() + static_cast<std::size_t>(row) * per_row);
    });
    return found;
  }

  // Absolute residuals of evenly spaced rows, about `wanted` of them, invalid ones left out.
  std::vector<float> residuals(const State& state, std::int64_t wanted) {
    TilePass pass = pass_;
    pass.estimate = estimate_of(state);
    const std::int64_t per_row = pass.reference.width * pass.reference.channels;
    const std::int64_t step = std::max<std::int64_t>(1, pass.reference.height * per_row / wanted);
    const std::int64_t rows = (pass.reference.height + step - 1) / step;
    std::vector<float> found(static_cast<std::size_t>(rows * per_row));
    parallel_for(execution_, rows, [&](std::int64_t row, int worker) {
      variant().linearize->residual_row(pass,
                                        std::min(row * step + step / 2, pass.reference.height - 1),
                                        scratch_.of_thread(worker), found.data() + row * per_row);
    });
    std::erase_if(found, [](float r) { return std::isnan(r); });
    return found;
  }

  // W <- W D(p) for a step of all unknowns; inverse composition undoes the increment of the
  // reference.
  State stepped(const State& state, const std::vector<double>& step) const {
    Matrix3 increment = model_.increment(step.data());
    if (pass_.composition == Composition::inverse) {
      double negated[max_parameters];
      for (int k = 0; k < model_.parameters; ++k) negated[k] = -step[static_cast<std::size_t>(k)];
      increment = inverse(model_.increment(negated));
    }
    const Matrix3 n = from_normalized();
    State next = state;
    next.warp = state.warp * n * increment * inverse(n);
    for (double& v : next.warp) v /= next.warp[8];
    const auto p = static_cast<std::size_t>(model_.parameters);
    for (std::size_t c = 0; 2 * c + p < step.size(); ++c) {
      next.gain[c] += step[p + 2 * c];
      next.bias[c] += step[p + 2 * c + 1];
    }
    return next;
  }

  // The largest distance between the corners of the reference under two warps, in pixels of level
  // 0.
  double motion(const Matrix3& a, const Matrix3& b) const {
    const double right = static_cast<double>(pass_.reference.width) - 1;
    const double bottom = static_cast<double>(pass_.reference.height) - 1;
    double largest = 0;
    for (const Point corner :
         {Point{0, 0}, Point{right, 0}, Point{right, bottom}, Point{0, bottom}}) {
      const Point p = apply(a, corner), q = apply(b, corner);
      const double distance = std::hypot(p.x - q.x, p.y - q.y);
      if (!(distance <= largest)) largest = distance;
    }
    return largest * from_level_[0];
  }

 private:
  static constexpr std::int64_t kept_pixels = 1 << 20;

  // Coordinates are scaled to [-1, 1] along the longer side.
  static double unit(const Image& image) {
    return std::max(static_cast<double>(std::max(image.width, image.height)) / 2, 1.0);
  }

  static Estimate estimate_of(const State& state) {
    Estimate estimate;
    std::copy(state.warp.begin(), state.warp.end(), estimate.warp);
    estimate.gain = state.gain.data();
    estimate.bias = state.bias.data();
    return estimate;
  }

  TilePass pass_;
  WarpModel model_;
  Brightness brightness_;
  const Execution& execution_;
  Scratch& scratch_;
  Matrix3 from_level_;
};

}  // namespace photalign
