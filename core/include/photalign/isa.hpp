// The instruction set this file is compiled for.
//
// The hot files are compiled once per instruction set, each into a namespace of its own, so that
// the linker can never mix them; `variants.hpp` chooses one at import.
#pragma once

#ifndef PHOTALIGN_ISA
#define PHOTALIGN_ISA baseline
#endif

// For the innermost functions: a call would pass their vectors through memory.
#define PHOTALIGN_INLINE [[gnu::always_inline]] inline

#define PHOTALIGN_ISA_BEGIN \
  namespace photalign {     \
  inline namespace PHOTALIGN_ISA {
#define PHOTALIGN_ISA_END \
  }                       \
  }
