// The instruction sets that this build holds and this machine runs, and the one in use.
#pragma once

#include <string>
#include <vector>

namespace photalign {

struct CovarianceFunctions;
struct EquationFunctions;
struct FilteringFunctions;
struct GridFunctions;
struct LinearizeFunctions;
struct PyramidFunctions;
struct SamplingFunctions;
struct TapeFunctions;

struct Variant {
  const char* name;
  const LinearizeFunctions* linearize;
  const CovarianceFunctions* covariance;
  const PyramidFunctions* pyramid;
  const SamplingFunctions* sampling;
  const FilteringFunctions* filtering;
  const GridFunctions* grid;
  const EquationFunctions* equations;
  const TapeFunctions* tape;
};

// The variant in use: the widest that the machine supports, unless `use_variant` chose another.
const Variant& variant();
std::vector<std::string> available_variants();
// Returns false if there is no such variant on this machine.
bool use_variant(const std::string& name);

}  // namespace photalign
