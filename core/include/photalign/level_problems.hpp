// Two images on all levels, and the problem that aligning them on one of these is.
#pragma once

#include <memory>

#include "level_problem.hpp"
#include "optimize.hpp"

namespace photalign {

class LevelProblems {
 public:
  LevelProblems(const AlignImages& images, const AlignOptions& options, const Execution& execution,
                Stopwatch& stopwatch)
      : images_(images),
        options_(options),
        execution_(execution),
        stopwatch_(stopwatch),
        offset_(typical_value(images.reference, images.reference_weight)),
        reference_(images.reference, images.reference_weight, offset_, options.levels, execution),
        moving_(images.moving, images.moving_weight, offset_, options.levels, execution),
        scratch_(Scratch::borrow(execution.threads)) {
    if (options.function)
      mappers_ = std::make_unique<StripMappers>(*options.function, execution.threads);
  }

  ~LevelProblems() { Scratch::give_back(std::move(scratch_)); }
  LevelProblems(const LevelProblems&) = delete;
  LevelProblems& operator=(const LevelProblems&) = delete;

  // Subtracted from both images.
  double offset() const { return offset_; }
  Stopwatch& stopwatch() { return stopwatch_; }

  LevelGrid grid(int level) const {
    const Image& image = reference_[level].image;
    return {image.width, image.height, level};
  }

  // The unknowns of a function are made for `state`.
  LevelProblem at(int level, Kernel kernel, const State& state) {
    return at(level, kernel, state, options_.warp);
  }

  // With another model, unless the warp is a function.
  LevelProblem at(int level, Kernel kernel, const State& state, WarpKind kind) {
    Level reference = reference_[level], moving = moving_[level];
    if (level == 0 && images_.reference_coefficients) {
      reference.image = images_.reference_coefficients;
      moving.image = images_.moving_coefficients;
    }
    const LevelGrid at = grid(level);
    std::unique_ptr<LevelWarp> warp =
        options_.function ? function_warp(*options_.function, at, state) : matrix_warp(kind, at);
    return LevelProblem(reference, moving, at, std::move(warp), mappers_.get(), kernel,
                        level < 2 ? options_.composition : options_.coarse_composition,
                        options_.loss, options_.brightness, execution_, *scratch_, stopwatch_);
  }

  LoopOptions loop_options(int level) const {
    // On the coarse levels a step this small, in pixels of the level, is as good as none.
    constexpr double coarse_step_tol = 0.05;
    const double pixel = static_cast<double>(std::int64_t{1} << level);
    return {.max_steps = options_.max_steps,
            .step_tol = level == 0 ? options_.step_tol
                                   : std::max(options_.step_tol, coarse_step_tol * pixel),
            .damping = options_.damping,
            .min_overlap = options_.min_overlap,
            .loss_scale = options_.loss_scale,
            .tuning = options_.tuning,
            .level = level};
  }

 private:
  const AlignImages& images_;
  const AlignOptions& options_;
  const Execution& execution_;
  Stopwatch& stopwatch_;
  double offset_;
  Pyramid reference_;
  Pyramid moving_;
  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<StripMappers> mappers_;
};

}  // namespace photalign
