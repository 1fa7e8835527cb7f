// The way down from the coarsest level to the last but one: where full resolution begins.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "level_problems.hpp"

namespace photalign {

class CoarseLevels {
 public:
  CoarseLevels(LevelProblems& problems, const AlignOptions& options, const StepCallback& on_step)
      : problems_(problems), options_(options), on_step_(on_step) {}

  // With the model that is asked for on all levels.
  State descend(const State& begin);
  // One way only, though the loss may be robust.
  State descend_plainly(const State& begin);

  // For pairs that this led astray: through simpler models, which have fewer ways to go wrong, and
  // also beginning with finer levels. The best of these at the last level, `descended` included.
  State search(const State& begin, const State& descended);

  // Whether the images could match there, for all that the finest of these levels can tell.
  bool could_match(const State& state);

 private:
  struct Candidate {
    State state;
    double scale = 0;  // of the loss
  };

  // A level that the next coarser one leads to takes no more steps than this, or it was led astray.
  static constexpr int most_steps = 20;
  // Of the loss's threshold on coarse levels: efficiency is for the finest, here less is led astray
  // by outliers that move with another motion.
  static constexpr double sharp = 0.6, sharpest = 0.35;

  struct Way {
    int max_steps = most_steps;
    bool is_graduated = false;  // see LoopOptions
    double sharpness = sharp;   // the threshold in units of that at full resolution
  };

  Candidate with_last_model(const State& state, int level, int max_steps);
  Candidate through_models(const State& state, int level, Way way);
  Candidate refined(const State& state, int level, WarpKind kind, const Way& way);
  std::vector<State> shifted(const State& state, int level);
  bool is_robust() const;
  bool is_better(const Candidate& one, const Candidate& other, int level);
  bool is_small(int level) const;

  LevelProblems& problems_;
  const AlignOptions& options_;
  const StepCallback& on_step_;
};

}  // namespace photalign
