// Where the time of an alignment goes: a clock that is read where one stage gives way to another.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace photalign {

// What the time is spent on. `stage_names` has the names that Python sees.
enum class Stage : int {
  other,
  pyramid,
  coarse_levels,
  finest_steps,  // passes that the loop's steps at full resolution are made of
  last_steps,    // passes of Newton's steps, which also give what the result reports
  noise,         // what the residuals and gradients tell of it
  comparison,    // whether the result is better than the start
  covariance,
  solving  // equations to steps, on all levels
};
inline constexpr std::size_t stage_count = 9;
inline constexpr std::array<const char*, stage_count> stage_names{
    "other", "pyramid",    "coarse levels", "finest steps", "last steps",
    "noise", "comparison", "covariance",    "solving"};

struct StageRecord {
  double seconds = 0;
  std::int64_t pixels = 0;  // compared by passes, every channel counted
};

class Stopwatch {
 public:
  // Time counts for `stage` from here on.
  explicit Stopwatch(Stage stage) : stage_(stage), since_(Clock::now()) {}

  void enter(Stage stage) {
    const Clock::time_point now = Clock::now();
    record(stage_).seconds += std::chrono::duration<double>(now - since_).count();
    stage_ = stage;
    since_ = now;
  }

  // A stage within another, until the end of the scope.
  class Lap {
   public:
    Lap(Stopwatch& stopwatch, Stage stage) : stopwatch_(stopwatch), outer_(stopwatch.stage_) {
      stopwatch_.enter(stage);
    }
    ~Lap() { stopwatch_.enter(outer_); }
    Lap(const Lap&) = delete;
    Lap& operator=(const Lap&) = delete;

   private:
    Stopwatch& stopwatch_;
    Stage outer_;
  };
  [[nodiscard]] Lap lap(Stage stage) { return {*this, stage}; }

  // A pass that the present stage makes.
  void count_pass(std::int64_t pixels) { record(stage_).pixels += pixels; }

  // Until now.
  std::array<StageRecord, stage_count> records() {
    enter(stage_);
    return records_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  StageRecord& record(Stage stage) { return records_[static_cast<std::size_t>(stage)]; }

  std::array<StageRecord, stage_count> records_{};
  Stage stage_;
  Clock::time_point since_;
};

}  // namespace photalign
