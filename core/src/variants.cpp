#include "photalign/variants.hpp"

#include <atomic>

namespace photalign {

#define PHOTALIGN_DECLARE_VARIANT(isa)               \
  namespace isa {                                    \
  extern const LinearizeFunctions linearize_table;   \
  extern const CovarianceFunctions covariance_table; \
  extern const PyramidFunctions pyramid_table;       \
  extern const SamplingFunctions sampling_table;     \
  extern const FilteringFunctions filtering_table;   \
  extern const GridFunctions grid_table;             \
  extern const EquationFunctions equation_table;     \
  extern const TapeFunctions tape_table;             \
  }
#define PHOTALIGN_VARIANT(isa)                                                               \
  Variant {                                                                                  \
    #isa, &isa::linearize_table, &isa::covariance_table, &isa::pyramid_table,                \
        &isa::sampling_table, &isa::filtering_table, &isa::grid_table, &isa::equation_table, \
        &isa::tape_table                                                                     \
  }

PHOTALIGN_DECLARE_VARIANT(baseline)
#ifdef PHOTALIGN_X86
PHOTALIGN_DECLARE_VARIANT(avx2)
PHOTALIGN_DECLARE_VARIANT(avx512)
#endif

namespace {

// Widest last.
const std::vector<Variant>& supported() {
  static const std::vector<Variant> variants = [] {
    std::vector<Variant> found{PHOTALIGN_VARIANT(baseline)};
#ifdef PHOTALIGN_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2"))
      found.push_back(PHOTALIGN_VARIANT(avx2));
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
      found.push_back(PHOTALIGN_VARIANT(avx512));
#endif
    return found;
  }();
  return variants;
}

std::atomic<const Variant*> chosen{nullptr};

}  // namespace

const Variant& variant() {
  const Variant* v = chosen.load(std::memory_order_acquire);
  return v ? *v : supported().back();
}

std::vector<std::string> available_variants() {
  std::vector<std::string> names;
  for (const Variant& v : supported()) names.emplace_back(v.name);
  return names;
}

bool use_variant(const std::string& name) {
  for (const Variant& v : supported())
    if (name == v.name) {
      chosen.store(&v, std::memory_order_release);
      return true;
    }
  return false;
}

}  // namespace photalign
