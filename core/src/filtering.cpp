// Hot file: turns lines of pixels into B-spline coefficients. Compiled once per instruction set.
#include "photalign/line_filter.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

template <int front>
void filter_front(const LinesView& lines, const SplineFilter& filter, double* scratch) {
  if (lines.is_double) return filter_lines<front, double>(lines, filter, scratch);
  return filter_lines<front, float>(lines, filter, scratch);
}

void filter(const LinesView& lines, const SplineFilter& filter, std::int64_t together,
            double* scratch) {
  switch (together) {
    case 1:
      return filter_front<1>(lines, filter, scratch);
    case 8:
      return filter_front<8>(lines, filter, scratch);
    default:
      return filter_front<32>(lines, filter, scratch);
  }
}

}  // namespace

extern const FilteringFunctions filtering_table{.filter_lines = filter};

PHOTALIGN_ISA_END
