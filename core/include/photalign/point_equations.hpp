// Normal equations of photometric residuals at points that move with parameters, in one pass: the
// Jacobian of the residuals is never stored.
#pragma once

#include "equation_functions.hpp"
#include "parallel.hpp"
#include "sampling_functions.hpp"

namespace photalign {

// Adds to the sums. They are taken over runs of fixed size, and these are added in order: the
// result is the same for any number of threads, and for points handed in by blocks of whole runs.
void add_equations(const SamplerView& sampler, const PointsView& points,
                   const Observations& observations, const PointJacobian& jacobian,
                   const EquationSums& sums, const Execution& execution);

// Blocks of a multiple of so many points consist of whole runs.
inline constexpr std::int64_t whole_runs = 2048;

}  // namespace photalign
