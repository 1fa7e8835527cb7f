// What the Jacobian of a run of pixels is made of: the gradients of both images, or an instrument.
#pragma once

#include "tile_pass.hpp"

PHOTALIGN_ISA_BEGIN

// The share of the reference's gradient in the Jacobian of a composition.
inline float share_of_reference(Composition composition) {
  switch (composition) {
    case Composition::forward:
      return 0;
    case Composition::inverse:
      return 1;
    case Composition::esm:
      return 0.5f;
  }
  return 0;
}

// What the Jacobian of a run of vectors is made of.
struct JacobianParts {
  const Planes& planes;
  const float *zx, *zy;  // the reference's gradient that the equations take
  float share;           // of it in the Jacobian

  // In forward composition a pixel may be valid whose own gradient is not.
  JacobianParts(const TilePass& pass, const Planes& p, int vectors)
      : planes(p),
        zx(pass.instrument >= 0 ? p.zx : p.tx),
        zy(pass.instrument >= 0 ? p.zy : p.ty),
        share(share_of_reference(pass.composition)) {
    if (pass.composition != Composition::forward) return;
    const auto replace = [](float* gradient, const float* by) {
      const Float g = load(gradient);
      store(gradient, select(is_finite(g), g, load(by)));
    };
    for (int i = 0; i < vectors * lanes; i += lanes) {
      replace(p.tx + i, p.gx + i);
      replace(p.ty + i, p.gy + i);
    }
  }
};

// The usual case is compiled apart: inverse composition, the squared loss, and weights that are 1,
// or 0 where all else is.
inline bool is_usual(const TilePass& pass) {
  return pass.composition == Composition::inverse && pass.loss == LossKind::squared &&
         has_plain_weights(pass);
}

// The gradients at a vector of pixels: the moving image's, the reference's, that of the Jacobian,
// and its partner in B.
template <bool usual>
struct GradientsAt {
  Float gx, gy, zx, zy, jx, jy, mx, my;

  GradientsAt(const JacobianParts& of, int i)
      : gx(load(of.planes.gx + i)),
        gy(load(of.planes.gy + i)),
        zx(load(of.zx + i)),
        zy(load(of.zy + i)),
        jx(usual ? zx : gx + of.share * (zx - gx)),
        jy(usual ? zy : gy + of.share * (zy - gy)) {
    const float excess = usual ? 0.5f : of.share - 0.5f;
    mx = jx - excess * (load(of.planes.tx + i) - gx);
    my = jy - excess * (load(of.planes.ty + i) - gy);
  }
};

PHOTALIGN_ISA_END
