#include "photalign/taped_warp.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "photalign/variants.hpp"

namespace photalign {
namespace {

// Registers of a block fill so much of the first cache, but blocks are not without end.
constexpr std::int64_t cached_doubles = 3072;
constexpr std::int64_t smallest_block = 32, largest_block = 256;

std::int64_t block_of(std::int64_t rows) {
  const std::int64_t fitting = cached_doubles / rows / uniform_doubles * uniform_doubles;
  return std::clamp(fitting, smallest_block, largest_block);
}

}  // namespace

Tape::Tape(int parameters, std::vector<double> constants, std::vector<Instruction> shared,
           std::vector<Instruction> each, std::vector<std::int32_t> outputs)
    : parameters_(parameters),
      constants_(std::move(constants)),
      shared_(std::move(shared)),
      each_(std::move(each)),
      outputs_(std::move(outputs)) {
  n_uniforms_ = static_cast<std::int32_t>(constants_.size()) + parameters_;
  for (const Instruction& i : shared_) n_uniforms_ = std::max(n_uniforms_, i.to + 1);
  n_rows_ = 2;
  for (const Instruction& i : each_) n_rows_ = std::max(n_rows_, i.to + 1 - n_uniforms_);
  expect_registers();
}

void Tape::expect_registers() const {
  const auto last = static_cast<std::int32_t>(operation_names().size());
  const auto within = [](std::int32_t place, std::int32_t begin, std::int32_t end) {
    if (place < begin || place >= end)
      throw std::invalid_argument("tape: expected registers and operations that there are");
  };
  const auto expect = [&](const Instruction& i, std::int32_t begin, std::int32_t end) {
    within(static_cast<std::int32_t>(i.operation), 0, last);
    within(i.to, begin, end);
    for (const std::int32_t place : i.from) within(place, 0, end);
  };
  for (const Instruction& i : shared_) expect(i, 0, n_uniforms_);
  for (const Instruction& i : each_) {
    expect(i, n_uniforms_, n_uniforms_ + n_rows_);
    // Second factors of products are read as rows.
    const bool is_one = i.operation == Operation::multiply_add;
    const bool are_two =
        i.operation == Operation::two_products || i.operation == Operation::two_products_add;
    if (is_one || are_two) within(i.from[1], n_uniforms_, n_uniforms_ + n_rows_);
    if (are_two) within(i.from[3], n_uniforms_, n_uniforms_ + n_rows_);
  }
  const std::size_t derivatives = 2 + 2 * static_cast<std::size_t>(parameters_);
  if (parameters_ < 1 || (outputs_.size() != 2 && outputs_.size() != derivatives))
    throw std::invalid_argument("tape: expected an output for each axis, or for all derivatives");
  for (std::size_t k = 0; k < outputs_.size(); ++k)
    within(outputs_[k], k < 2 ? 0 : -1, n_uniforms_ + n_rows_);
}

TapeView Tape::view() const {
  TapeView view;
  view.shared = shared_.data();
  view.each = each_.data();
  view.n_shared = static_cast<std::int32_t>(shared_.size());
  view.n_each = static_cast<std::int32_t>(each_.size());
  view.n_uniforms = n_uniforms_;
  view.n_rows = n_rows_;
  view.outputs = outputs_.data();
  view.n_derivatives = static_cast<std::int32_t>(outputs_.size()) - 2;
  view.block = block_of(n_rows_);
  return view;
}

void Tape::run(const double* params, std::int64_t count, const double* points, double* mapped,
               float* derivatives, std::int64_t plane) const {
  const TapeView tape = view();
  thread_local std::vector<double> memory;
  // Vectors begin on cache lines, and one may be read beyond the last register.
  memory.resize(tape.room() + 2 * uniform_doubles);
  double* room = memory.data();
  while (reinterpret_cast<std::uintptr_t>(room) % 64) ++room;
  double* to = room;
  const auto put = [&to](double value) { to = std::fill_n(to, uniform_doubles, value); };
  std::for_each(constants_.begin(), constants_.end(), put);
  std::for_each_n(params, parameters_, put);
  variant().tape->run(tape, count, points, mapped, derivatives, plane, room);
}

TapedWarp::TapedWarp(Tape values, Tape derivatives)
    : values_(std::move(values)), derivatives_(std::move(derivatives)) {
  if (values_.has_derivatives() || !derivatives_.has_derivatives() ||
      values_.parameters() != derivatives_.parameters())
    throw std::invalid_argument("TapedWarp: expected a tape without derivatives, and one with");
}

std::vector<const char*> operation_names() {
  return {
#define PHOTALIGN_NAME(name) #name,
      PHOTALIGN_TAPE_OPERATIONS(PHOTALIGN_NAME)
#undef PHOTALIGN_NAME
  };
}

}  // namespace photalign
