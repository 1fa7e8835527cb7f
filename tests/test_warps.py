"""Each warp by example, and what it says to bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest

from photalign.warps import (
    WARPS,
    Affine,
    Euclidean,
    Homography,
    Similarity,
    Translation,
    Warp,
    as_warp,
)

QUARTER = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
VIEW = [[1, 0.1, 5], [-0.1, 1, 3], [1e-3, 2e-3, 1]]
CLASSES = pytest.mark.parametrize("cls", WARPS.values(), ids=WARPS.keys())


def test_names_go_from_special_to_general():
    assert list(WARPS) == [
        *("translation", "euclidean", "similarity", "affine", "homography")
    ]
    assert [cls.n_params for cls in WARPS.values()] == [2, 3, 4, 6, 8]
    assert all(len(cls.param_names) == cls.n_params for cls in WARPS.values())


@pytest.mark.parametrize(
    ("warp", "mapped"),
    [
        (Translation.from_params([3, -1]), [13, 19]),
        (Euclidean.from_params([math.pi / 2, 3, -1]), [-17, 9]),
        (Similarity.from_params([2, math.pi / 2, 3, -1]), [-37, 19]),
        (Affine([[1, 2, 3], [4, 5, 6]]), [53, 146]),
        (Homography([[1, 0, 0], [0, 1, 0], [0.1, 0, 1]]), [5, 10]),
    ],
    ids=lambda value: value.name if isinstance(value, Warp) else "",
)
def test_a_point_goes_where_the_formula_says(warp, mapped):
    np.testing.assert_allclose(warp([10, 20]), mapped, atol=1e-12)


def test_angle_and_scale_are_read_from_the_matrix():
    np.testing.assert_allclose(Euclidean(QUARTER).params, [math.pi / 2, 0, 0])
    half_turn = Similarity([[-2, 0, 1], [0, -2, 0]])
    np.testing.assert_allclose(half_turn.params, [2, math.pi, 1, 0])


def test_composition_names_both_orders():
    shift, turn = Translation.from_params([10, 0]), Euclidean(QUARTER)
    assert (shift @ turn)([1, 0]).tolist() == [10, 1]
    assert (turn @ shift)([1, 0]).tolist() == [0, 11]


def test_corners_in_order():
    corners = Translation.identity().corners((3, 5, 4))
    assert corners.tolist() == [[0, 0], [4, 0], [4, 2], [0, 2]]


@pytest.mark.parametrize(
    ("warp", "text"),
    [
        (Translation.from_params([3.2, -1]), "Translation(tx=3.2, ty=-1)"),
        (Euclidean.identity().inverse(), "Euclidean(angle=0, tx=0, ty=0)"),
        (Similarity.identity(), "Similarity(scale=1, angle=0, tx=0, ty=0)"),
        (Affine([[1, 0, 1 / 3], [0, 1, 0]]), "Affine([[1, 0, 0.333333], [0, 1, 0]])"),
        (
            Homography([[1, 0, 0], [0, 1, 0], [1e-5, 0, 1]]),
            "Homography([[1, 0, 0], [0, 1, 0], [1e-05, 0, 1]])",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Warp) else "",
)
def test_repr_is_short(warp, text):
    assert repr(warp) == text


@CLASSES
def test_a_warp_cannot_be_changed(cls):
    matrix = np.eye(3)
    warp = cls(matrix)
    matrix[0, 2] = 7
    assert warp == cls.identity()
    with pytest.raises(ValueError, match="read-only"):
        warp.matrix[0, 2] = 7
    with pytest.raises(AttributeError):
        warp.matrix = matrix
    with pytest.raises(AttributeError):
        warp.speed = 7


def test_equality_is_of_class_and_matrix():
    assert Translation.identity() != Euclidean.identity()
    assert Translation.identity() != Translation.from_params([1e-12, 0])
    assert Translation.identity() != np.eye(3)
    assert len({Affine.identity(), Affine(np.eye(3)), Affine(-0.0 + np.eye(3))}) == 1
    negative_zero = Affine([[1, -0.0, -0.0], [-0.0, 1, -0.0]])
    assert hash(negative_zero) == hash(Affine.identity())


def test_a_homogeneous_matrix_has_no_scale():
    matrix = np.array(VIEW)
    for factor in (2, -3):
        np.testing.assert_allclose(
            Homography(factor * matrix).matrix, matrix, rtol=1e-15
        )
    assert Affine(2 * np.eye(3)) == Affine.identity()


def test_large_translations_are_no_reason_to_refuse():
    far = [[1, 0, 6e6], [0, 1, -5e6], [0, 0, 1]]
    for cls in WARPS.values():
        warp = cls(np.array(far, dtype=np.float32))
        np.testing.assert_allclose(warp.inverse()(warp([1, 2])), [1, 2])


class TestHorizon:
    """w = 1 - x/100 vanishes at x = 100."""

    warp = Homography([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]])
    points = np.array([[99.0, 1], [100, 1], [101, 1], [np.nan, 1]])

    def test_nan_on_and_behind(self):
        seen = [True, False, False, False]
        for result in (
            self.warp(self.points),
            self.warp.jacobian(self.points).reshape(4, -1),
            self.warp.point_jacobian(self.points).reshape(4, -1),
        ):
            assert np.isfinite(result).all(axis=1).tolist() == seen
            assert np.isnan(result).all(axis=1).tolist() == [not s for s in seen]

    def test_single_points(self):
        assert np.isnan(self.warp([100, 1])).all()
        assert np.isnan(self.warp.jacobian([100, 1])).all()
        assert np.isnan(self.warp.point_jacobian([100, 1])).all()

    def test_inverse_and_product_refuse_to_turn_the_plane_around(self):
        beyond = Translation.from_params([150, 0])
        with pytest.raises(ValueError, match="in front of the horizon"):
            self.warp @ beyond
        # Pixel (0, 0) of the result is the image of a point behind the horizon.
        with pytest.raises(ValueError, match="in front of the horizon"):
            (beyond @ self.warp).inverse()
        at = Translation.from_params([100, 0])
        with pytest.raises(ValueError, match="in front of the horizon"):
            self.warp @ at


@CLASSES
@pytest.mark.parametrize(
    ("matrix", "error", "message"),
    [
        (np.eye(2), ValueError, r"matrix: expected shape \(3, 3\).*, got \(2, 2\)"),
        ([[1, 0], [0]], ValueError, "matrix: expected rows of one length"),
        ("abc", TypeError, "matrix: expected real numbers, got str of dtype <U3"),
        (
            1j * np.eye(3),
            TypeError,
            "matrix: expected real numbers, got ndarray of dtype complex",
        ),
        (
            None,
            TypeError,
            "matrix: expected real numbers, got NoneType of dtype object",
        ),
        (np.full((3, 3), np.nan), ValueError, "matrix: expected finite numbers"),
        (np.diag([np.inf, 1, 1]), ValueError, "matrix: expected finite numbers"),
        (np.diag([1, 1, 0]), ValueError, r"matrix: expected an m\[2, 2\] that is not"),
        (np.zeros((3, 3)), ValueError, r"matrix: expected an m\[2, 2\] that is not"),
        (np.diag([0, 0, 1]), ValueError, "matrix: expected an invertible matrix"),
        (np.full((3, 3), 1e308), ValueError, "matrix: expected an invertible matrix"),
        (np.diag([1e308, 1e308, 1]), ValueError, "that is not negligible"),
    ],
)
def test_bad_matrices(cls, matrix, error, message):
    with pytest.raises(error, match=message):
        cls(matrix)


@pytest.mark.parametrize(
    ("cls", "matrix", "message"),
    [
        (Translation, QUARTER, r"\[\[1, 0, tx\].*; Affine\(matrix\) takes it"),
        (Euclidean, [[2, 0, 0], [0, 2, 0]], r"c\*c \+ s\*s = 1.*Affine\(matrix\)"),
        (Euclidean, [[1 + 2e-9, 0, 0], [0, 1 + 2e-9, 0]], "relative 1e-09"),
        (Similarity, [[1, 0, 0], [0, -1, 0]], r"\[\[a, -b, tx\].*Affine\(matrix\)"),
        (Similarity, [[1e-9, 1e-12, 0], [0, 1e-9, 0]], r"\[\[a, -b, tx\]"),
        (Affine, VIEW, r"Homography\(matrix\) takes it"),
        (Affine, [[1, 0, 0], [0, 1, 0], [1e-12, 0, 1]], r"Homography\(matrix\)"),
        (Affine, [[1, 2, 0], [2, 4, 0]], "expected an invertible matrix"),
        (Homography, [[1, 2, 3], [2, 4, 6], [3, 6, 9]], "expected an invertible"),
        (Homography, [[1, 2, 3], [4, 5, 6], [7, 8, 9]], "expected an invertible"),
        (Homography, np.eye(3)[:2], r"expected shape \(3, 3\), got \(2, 3\)"),
    ],
)
def test_matrices_of_another_model(cls, matrix, message):
    with pytest.raises(ValueError, match=message):
        cls(matrix)


def test_rounding_is_forgiven_and_removed():
    matrix = Euclidean.from_params([0.3, 5, 7]).matrix
    rounded = Euclidean(matrix[:2] + 1e-10)
    c, s = rounded.matrix[:2, 0]
    assert abs(c * c + s * s - 1) < 1e-15
    assert rounded.matrix[2].tolist() == [0, 0, 1]
    coarse = matrix.astype(np.float32)
    assert Euclidean(coarse).params[0] == pytest.approx(0.3, abs=1e-7)
    with pytest.raises(ValueError, match="relative 1e-09"):
        Euclidean(coarse.astype(np.float64))


@CLASSES
@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (
            [1.0],
            ValueError,
            r"params: expected shape \(\d,\), that is .*, got shape \(1,\)",
        ),
        (["a"], TypeError, "params: expected real numbers"),
        ([np.nan], ValueError, "params: expected finite numbers"),
    ],
)
def test_bad_params(cls, params, error, message):
    with pytest.raises(error, match=message):
        cls.from_params(params)


@pytest.mark.parametrize("scale", [0, -1])
def test_a_scale_is_positive(scale):
    with pytest.raises(ValueError, match="params: expected scale > 0, got"):
        Similarity.from_params([scale, 0, 0, 0])


@CLASSES
def test_bad_points(cls):
    warp = cls.identity()
    for function in (warp, warp.jacobian, warp.point_jacobian):
        with pytest.raises(ValueError, match=r"got \(2, 100\); pass points\.T"):
            function(np.zeros((2, 100)))
        with pytest.raises(ValueError, match=r"points: expected shape \(\.\.\., 2\)"):
            function(3.0)


def test_bad_operands():
    warp = Affine.identity()
    with pytest.raises(TypeError, match=r"map points with warp\(points\)"):
        warp @ np.zeros((5, 2))
    with pytest.raises(TypeError):
        np.zeros((5, 2)) @ warp
    with pytest.raises(ValueError, match=r"shape: expected \(rows, columns\)"):
        warp.corners((5,))


def test_from_dict():
    data = Euclidean(QUARTER).to_dict()
    assert data["warp"] == "euclidean"
    assert Warp.from_dict(data) == Euclidean.from_dict(data) == Euclidean(QUARTER)
    with pytest.raises(ValueError, match=r"'affine', got 'euclidean'; Warp\.from_dict"):
        Affine.from_dict(data)
    with pytest.raises(ValueError, match=r"a dict with 'warp' and .*, got \{'x'"):
        Warp.from_dict({"x": 1})
    with pytest.raises(ValueError, match="did you mean 'affine'"):
        Warp.from_dict({**data, "warp": "affin"})


def test_as_warp():
    shift = Translation.from_params([1, 2])
    assert as_warp(shift) is shift
    assert as_warp(shift, Affine) is shift
    assert as_warp("similarity") == Similarity.identity()
    assert as_warp(Similarity) == Similarity.identity()
    assert as_warp(np.array(VIEW)) == Homography(VIEW)
    assert as_warp(shift.matrix, Translation) == shift


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Homograpy", r"translation, euclidean, .*'Homograpy'; did you mean 'homogra"),
        ("rigid", "warp: expected one of translation, .*homography, got 'rigid'$"),
        ([[1, 2]], r"matrix: expected shape \(3, 3\), got \(1, 2\)"),
    ],
)
def test_as_warp_says_what_it_knows(value, message):
    with pytest.raises(ValueError, match=message):
        as_warp(value)
