// The extension module `photalign._core`.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "photalign/variants.hpp"

namespace nb = nanobind;

namespace photalign {

void bind_prefilter(nb::module_& m);
void bind_sampling(nb::module_& m);
void bind_point_warps(nb::module_& m);
void bind_alignment(nb::module_& m);
void bind_xla(nb::module_& m);
void bind_features(nb::module_& m);

}  // namespace photalign

NB_MODULE(_core, m) {
  m.doc() = "The compiled core of photalign; its functions expect arguments that were checked.";
  photalign::bind_prefilter(m);
  photalign::bind_sampling(m);
  photalign::bind_point_warps(m);
  photalign::bind_alignment(m);
  photalign::bind_xla(m);
  photalign::bind_features(m);
  m.def("variant", [] { return photalign::variant().name; }, "The instruction set in use.");
  m.def("available_variants", &photalign::available_variants,
        "The instruction sets that this build holds and this machine runs, widest last.");
  m.def("use_variant", &photalign::use_variant, nb::arg("name"),
        "Choose an instruction set; false if there is none of this name.");
}
