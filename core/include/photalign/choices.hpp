// The closed choices that a user makes; the order is the order of the names in Python.
#pragma once

namespace photalign {

// Alignment knows the first four, samplers all.
enum class Kernel : int { linear, catmull_rom, bspline3, bspline5, nearest, keys6, bspline2 };
enum class Composition : int { forward, inverse, esm };
enum class LossKind : int { squared, huber, cauchy, tukey, geman_mcclure };
enum class Brightness : int { none, gain_bias, normalized };
enum class WarpKind : int { translation, euclidean, similarity, affine, homography };

}  // namespace photalign
