// A warp that the user wrote in Python and that was recorded as tapes.
#pragma once

#include <vector>

#include "point_warp.hpp"
#include "tape.hpp"

namespace photalign {

// A tape with its memory. Uniforms begin with the constants and the parameters.
class Tape {
 public:
  // Throws std::invalid_argument if an instruction is none, or a register is not there.
  Tape(int parameters, std::vector<double> constants, std::vector<Instruction> shared,
       std::vector<Instruction> each, std::vector<std::int32_t> outputs);

  int parameters() const { return parameters_; }
  bool has_derivatives() const { return outputs_.size() > 2; }
  void run(const double* params, std::int64_t count, const double* points, double* mapped,
           float* derivatives, std::int64_t plane) const;

 private:
  TapeView view() const;
  void expect_registers() const;

  int parameters_;
  std::vector<double> constants_;
  std::vector<Instruction> shared_, each_;
  std::vector<std::int32_t> outputs_;
  std::int32_t n_uniforms_, n_rows_;
};

class TapedWarp final : public PointWarp {
 public:
  // The tape of the mapped points alone, and that which has their derivatives too.
  TapedWarp(Tape values, Tape derivatives);

  int parameters() const override { return values_.parameters(); }
  std::int64_t worthwhile() const override { return 0; }
  void map(const double* params, std::int64_t count, const double* points, double* mapped,
           float* jacobian, std::int64_t plane) const override {
    const Tape& tape = jacobian ? derivatives_ : values_;
    tape.run(params, count, points, mapped, jacobian, plane);
  }

 private:
  Tape values_, derivatives_;
};

// The names of all operations, in the order of their numbers.
std::vector<const char*> operation_names();

}  // namespace photalign
