// The sums of the normal equations over a tile.
//
// The Jacobian of every built-in warp is (gx, gy) times polynomials of the pixel's coordinates, so
// J'WJ follows from moments: sums of w gx gx x^e y^f and the like. Inside a row only the powers of
// x vary; those of y are put on once per row. D is the degree of the polynomials (0 translation, 1
// affine, 2 homography), B says whether the sums with the moving value are needed (brightness).
#pragma once

#include "linearize_functions.hpp"
#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

// One row of pixels, as pointers to floats padded to whole vectors; weight is 0 where invalid.
struct ResidualRow {
  const float* weight;
  const float* residual;
  const float* moving;
  const float* gx;
  const float* gy;
};

// What one vector of pixels contributes, before the powers of x.
struct Products {
  Float xx, xy, yy;         // w gx gx, w gx gy, w gy gy
  Float xr, yr, rr;         // w gx r, w gy r, w r r
  Float xm, ym, x1, y1;     // w gx m, w gy m, w gx, w gy: with brightness only, like all below
  Float one, r, m, mr, mm;  // w, w r, w m, w m r, w m m
};

// Where a row of pixels lies: x of its first and from one to the next, and y, centred and scaled.
struct GridPlace {
  float x0, step, y;

  GridPlace(const TilePass& pass, const MappedPixels&, std::int64_t x, std::int64_t row)
      : x0(static_cast<float>((static_cast<double>(x) - pass.center_x) * pass.scale)),
        step(static_cast<float>(pass.scale)),
        y(static_cast<float>((static_cast<double>(row) - pass.center_y) * pass.scale)) {}
};

template <int D, bool B>
struct Moments {
  using Place = GridPlace;
  static constexpr bool brightness = B;

  Float gg[3][monomials(2 * D)] = {};
  Float gr[2][monomials(D)] = {};
  Float gm[2][monomials(D)] = {};
  Float g1[2][monomials(D)] = {};
  Float w{}, wr{}, wm{}, wrr{}, wmr{}, wmm{};

  explicit Moments(const TilePass&, int /*which*/ = 0) {}

  // `products(i)` gives the terms of pixels [i, i + lanes).
  template <class F>
  void add_row(int count, const GridPlace& place, F&& products) {
    Float gg_row[3][2 * D + 1] = {};
    Float gr_row[2][D + 1] = {}, gm_row[2][D + 1] = {}, g1_row[2][D + 1] = {};
    Float x = place.x0 + place.step * iota();
    for (int i = 0; i < count; i += lanes, x += place.step * lanes) {
      const Products p = products(i);
      add_powers<2 * D>(p.xx, x, gg_row[0]);
      add_powers<2 * D>(p.xy, x, gg_row[1]);
      add_powers<2 * D>(p.yy, x, gg_row[2]);
      add_powers<D>(p.xr, x, gr_row[0]);
      add_powers<D>(p.yr, x, gr_row[1]);
      wrr += p.rr;
      if constexpr (B) {
        add_powers<D>(p.xm, x, gm_row[0]);
        add_powers<D>(p.ym, x, gm_row[1]);
        add_powers<D>(p.x1, x, g1_row[0]);
        add_powers<D>(p.y1, x, g1_row[1]);
        w += p.one;
        wr += p.r;
        wm += p.m;
        wmr += p.mr;
        wmm += p.mm;
      }
    }
    for (int k = 0; k < 3; ++k) put_on_y<2 * D>(gg_row[k], place.y, gg[k]);
    for (int k = 0; k < 2; ++k) {
      put_on_y<D>(gr_row[k], place.y, gr[k]);
      if constexpr (B) {
        put_on_y<D>(gm_row[k], place.y, gm[k]);
        put_on_y<D>(g1_row[k], place.y, g1[k]);
      }
    }
  }

  // A row of residuals with their weights.
  void add_row(const ResidualRow& row, int count, const GridPlace& place) {
    add_row(count, place, [&](int i) {
      const Float weight = load(row.weight + i);
      const Float r = load(row.residual + i);
      const Float gx = load(row.gx + i);
      const Float gy = load(row.gy + i);
      const Float wx = weight * gx;
      const Float wy = weight * gy;
      const Float weighted = weight * r;
      Products p;
      p.xx = wx * gx, p.xy = wx * gy, p.yy = wy * gy;
      p.xr = wx * r, p.yr = wy * r, p.rr = weighted * r;
      if constexpr (B) {
        const Float m = load(row.moving + i);
        p.xm = wx * m, p.ym = wy * m, p.x1 = wx, p.y1 = wy;
        p.one = weight, p.r = weighted, p.m = weight * m, p.mr = weighted * m, p.mm = p.m * m;
      }
      return p;
    });
  }

  void add_to(Sums& sums, double* /*of_motion*/) const {
    for (int k = 0; k < 3; ++k) add(gg[k], monomials(2 * D), sums.gg[k]);
    for (int k = 0; k < 2; ++k) {
      add(gr[k], monomials(D), sums.gr[k]);
      if constexpr (B) {
        add(gm[k], monomials(D), sums.gm[k]);
        add(g1[k], monomials(D), sums.g1[k]);
      }
    }
    sums.wrr += sum(wrr);
    if constexpr (B) {
      sums.w += sum(w);
      sums.wr += sum(wr);
      sums.wm += sum(wm);
      sums.wmr += sum(wmr);
      sums.wmm += sum(wmm);
    }
  }

 private:
  template <int N>
  static void add_powers(Float p, Float x, Float* to) {
    to[0] += p;
    for (int e = 1; e <= N; ++e) {
      p *= x;
      to[e] += p;
    }
  }

  template <int N>
  static void put_on_y(const Float* powers_of_x, float y, Float* to) {
    float power = 1;
    for (int f = 0; f <= N; ++f, power *= y)
      for (int e = 0; e + f <= N; ++e) to[monomial(N, e, f)] += powers_of_x[e] * power;
  }

  static void add(const Float* from, int count, double* to) {
    for (int i = 0; i < count; ++i) to[i] += sum(from[i]);
  }
};

PHOTALIGN_ISA_END
