// The sums of the normal equations over a tile.
//
// The Jacobian of every built-in warp is (gx, gy) times polynomials of the pixel's coordinates, so
// J'WJ follows from moments: sums of w gx gx x^e y^f and the like. Down a pillar only the powers of
// y vary; those of x are put on once per pillar. D is the degree of the polynomials (0 translation,
// 1 affine, 2 homography), B says whether the sums with the moving value are needed (brightness).
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

// Rows of one vector each: those of a pillar.
struct ResidualPillar {
  ResidualRow planes;
  int rows;
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
  static constexpr bool by_pillars = true;

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
    Float place_x = place.x0 + place.step * iota();
    for (int i = 0; i < count; i += lanes, place_x += place.step * lanes) {
      const Products p = products(i);
      const Powers<2 * D> x(place_x);
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

  // A pillar of residuals. Unless `weighted`, weights are 1, or 0 where all else is. There are as
  // many sums as registers; so each loop has its own.
  template <bool weighted>
  void add_pillar(const ResidualPillar& pillar, const GridPlace& place) {
    const Float x = place.x0 + place.step * iota();
    const RowPowers y(place);
    add_products<weighted>(pillar, y, x);
    add_residuals<weighted>(pillar, y, x);
    if constexpr (B) add_values(pillar, y, x);
  }

  // `products(i)` gives the terms of the vector at float i of a pillar, of those with residuals
  // only if there are any. What a loop does not need of them is not computed.
  template <bool residuals, class F>
  void add_pillar(int rows, const GridPlace& place, F&& products) {
    const Float x = place.x0 + place.step * iota();
    const auto rows_of = [&](auto&& add) {
      Float j{};
      for (int i = 0; i < rows * lanes; i += lanes, j += 1.0f)
        add(products(i), Powers<2 * D>(place.y + place.step * j));
    };
    Float xx[2 * D + 1] = {}, xy[2 * D + 1] = {}, yy[2 * D + 1] = {};
    rows_of([&](const Products& p, const Powers<2 * D>& y) {
      add_powers<2 * D>(p.xx, y, xx);
      add_powers<2 * D>(p.xy, y, xy);
      add_powers<2 * D>(p.yy, y, yy);
    });
    put_on_x<2 * D>(xx, x, gg[0]);
    put_on_x<2 * D>(xy, x, gg[1]);
    put_on_x<2 * D>(yy, x, gg[2]);
    if constexpr (residuals) {
      Float xr[D + 1] = {}, yr[D + 1] = {};
      rows_of([&](const Products& p, const Powers<2 * D>& y) {
        add_powers<D>(p.xr, y, xr);
        add_powers<D>(p.yr, y, yr);
        wrr += p.rr;
        if constexpr (B) wr += p.r, wmr += p.mr;
      });
      put_on_x<D>(xr, x, gr[0]);
      put_on_x<D>(yr, x, gr[1]);
    }
    if constexpr (B) {
      Float xm[D + 1] = {}, ym[D + 1] = {}, x1[D + 1] = {}, y1[D + 1] = {};
      rows_of([&](const Products& p, const Powers<2 * D>& y) {
        add_powers<D>(p.xm, y, xm);
        add_powers<D>(p.ym, y, ym);
        add_powers<D>(p.x1, y, x1);
        add_powers<D>(p.y1, y, y1);
        w += p.one, wm += p.m, wmm += p.mm;
      });
      put_on_x<D>(xm, x, gm[0]);
      put_on_x<D>(ym, x, gm[1]);
      put_on_x<D>(x1, x, g1[0]);
      put_on_x<D>(y1, x, g1[1]);
    }
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
  // A vector of every plane, and the powers of y that go with it.
  struct Row {
    Float gx, gy, wx, wy;

    template <bool weighted>
    static Row at(const ResidualRow& planes, int i) {
      const Float gx = load(planes.gx + i), gy = load(planes.gy + i);
      if constexpr (!weighted) return {gx, gy, gx, gy};
      const Float w = load(planes.weight + i);
      return {gx, gy, w * gx, w * gy};
    }
  };

  template <int N>
  struct Powers {
    Float of[N + 1];

    explicit Powers(Float v) {
      of[0] = splat(1.0f);
      if constexpr (N > 0) of[1] = v;
      for (int e = 2; e <= N; ++e) of[e] = of[e / 2] * of[e - e / 2];
    }
  };

  // The powers of y of the rows of a pillar, in memory, from where they are loaded into all lanes
  // at no cost.
  struct RowPowers {
    alignas(sizeof(Float)) float of[D > 0 ? 2 * D : 1][tile_height];

    explicit RowPowers(const GridPlace& place) {
      for (int j = 0; j < tile_height; j += lanes) {
        const Powers<2 * D> y(place.y + place.step * (static_cast<float>(j) + iota()));
        for (int e = 1; e <= 2 * D; ++e) store(&of[e - 1][j], y.of[e]);
      }
    }
  };

  template <bool weighted>
  void add_products(const ResidualPillar& pillar, const RowPowers& y, Float x) {
    Float xx[2 * D + 1] = {}, xy[2 * D + 1] = {}, yy[2 * D + 1] = {};
    for (int j = 0; j < pillar.rows; ++j) {
      const int i = j * lanes;
      const Row row = Row::template at<weighted>(pillar.planes, i);
      add_row_powers<2 * D>(row.wx * row.gx, y, j, xx);
      add_row_powers<2 * D>(row.wx * row.gy, y, j, xy);
      add_row_powers<2 * D>(row.wy * row.gy, y, j, yy);
    }
    put_on_x<2 * D>(xx, x, gg[0]);
    put_on_x<2 * D>(xy, x, gg[1]);
    put_on_x<2 * D>(yy, x, gg[2]);
  }

  template <bool weighted>
  void add_residuals(const ResidualPillar& pillar, const RowPowers& y, Float x) {
    Float xr[D + 1] = {}, yr[D + 1] = {}, rr{};
    for (int j = 0; j < pillar.rows; ++j) {
      const int i = j * lanes;
      const Float gx = load(pillar.planes.gx + i), gy = load(pillar.planes.gy + i);
      const Float r = load(pillar.planes.residual + i);
      const Float weighed = weighted ? load(pillar.planes.weight + i) * r : r;
      add_row_powers<D>(gx * weighed, y, j, xr);
      add_row_powers<D>(gy * weighed, y, j, yr);
      rr += weighed * r;
    }
    wrr += rr;
    put_on_x<D>(xr, x, gr[0]);
    put_on_x<D>(yr, x, gr[1]);
  }

  void add_values(const ResidualPillar& pillar, const RowPowers& y, Float x) {
    Float xm[D + 1] = {}, ym[D + 1] = {}, x1[D + 1] = {}, y1[D + 1] = {};
    for (int j = 0; j < pillar.rows; ++j) {
      const int i = j * lanes;
      const Row row = Row::template at<true>(pillar.planes, i);
      const Float m = load(pillar.planes.moving + i), r = load(pillar.planes.residual + i);
      const Float weight = load(pillar.planes.weight + i), weighed = weight * m;
      add_row_powers<D>(row.wx * m, y, j, xm);
      add_row_powers<D>(row.wy * m, y, j, ym);
      add_row_powers<D>(row.wx, y, j, x1);
      add_row_powers<D>(row.wy, y, j, y1);
      w += weight;
      wr += weight * r;
      wm += weighed;
      wmr += weighed * r;
      wmm += weighed * m;
    }
    put_on_x<D>(xm, x, gm[0]);
    put_on_x<D>(ym, x, gm[1]);
    put_on_x<D>(x1, x, g1[0]);
    put_on_x<D>(y1, x, g1[1]);
  }

  template <int N>
  static void add_row_powers(Float p, const RowPowers& y, int j, Float* to) {
    to[0] += p;
    for (int e = 1; e <= N; ++e) to[e] += p * y.of[e - 1][j];
  }

  template <int N, int M>
  static void add_powers(Float p, const Powers<M>& powers, Float* to) {
    to[0] += p;
    for (int e = 1; e <= N; ++e) to[e] += p * powers.of[e];
  }

  template <int N>
  static void put_on_x(const Float* powers_of_y, Float x, Float* to) {
    const Powers<N> powers(x);
    for (int e = 0; e <= N; ++e)
      for (int f = 0; e + f <= N; ++f) to[monomial(N, e, f)] += powers_of_y[f] * powers.of[e];
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
