"""Modelled activation against brute force over every voxel and focus."""

import numpy as np
import pytest

from nimare_pipeline import defaults
from nimare_pipeline.numerics import ma as module
from nimare_pipeline.numerics.gaussian import SMALLEST_MA, sampled_kernel
from nimare_pipeline.numerics.ma import ale_maps, sphere_counts, sphere_kernel, to_voxels, voxelize

SHAPE = (23, 19, 21)


def world(*zooms: float, oblique: bool = False) -> np.ndarray:
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -20, -18, -22
    if oblique:
        affine[0, 1], affine[1, 0] = 0.4, -0.3
    return affine


def case(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mask = rng.random(SHAPE) < 0.8
    xyz = rng.uniform(-30, 30, (12, 3))
    return xyz, np.repeat([0, 1, 3], 4), np.array([9.0, 11.5, np.nan, 10.0]), mask


def brute_force(xyz, experiment, fwhm, mask, affine) -> np.ndarray:  # type: ignore[no-untyped-def]
    centres = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    volume = abs(np.linalg.det(affine[:3, :3]))
    out = np.zeros((len(fwhm), len(centres)))
    for number, width in enumerate(fwhm):
        sigma = width / np.sqrt(8 * np.log(2))
        for focus in xyz[experiment == number]:
            d2 = ((centres - focus) ** 2).sum(axis=1)
            ma = volume * (2 * np.pi * sigma**2) ** -1.5 * np.exp(-d2 / (2 * sigma**2))
            out[number] = np.maximum(out[number], np.where(ma < SMALLEST_MA, 0, ma))
    return out


@pytest.mark.parametrize(
    "affine",
    [world(2, 2, 2), world(-2, 2, 2), world(1.5, 2, 3), world(2, 2, 2, oblique=True)],
    ids=["2mm", "left-handed", "anisotropic", "oblique"],
)
def test_exact_maps_are_the_density_at_the_true_distance(affine: np.ndarray) -> None:
    """Every voxel holds the largest density over its experiment's foci, also of outside foci."""
    xyz, experiment, fwhm, mask = case()
    maps = ale_maps(xyz, experiment, fwhm, mask, affine)
    expected = brute_force(xyz, experiment, fwhm, mask, affine)
    np.testing.assert_allclose(maps.toarray(), expected, rtol=1e-12, atol=1e-18)
    assert (expected > 0).any(axis=1).tolist() == [True, True, False, True]


def test_foci_between_voxels_count_at_their_own_place() -> None:
    """Moving a focus by half a millimetre changes the exact map and not the rounded one."""
    mask, affine = np.ones(SHAPE, dtype=bool), world(2, 2, 2)
    one, other = np.array([[0.2, 0.2, 0.2]]), np.array([[0.7, 0.2, 0.2]])
    experiment, fwhm = np.array([0]), np.array([10.0])
    for rule, same in [("exact", False), ("half-up", True)]:
        a, b = (ale_maps(x, experiment, fwhm, mask, affine, rule).toarray() for x in (one, other))
        assert np.array_equal(a, b) is same


def test_rounded_maps_place_the_sampled_kernel() -> None:
    """Each rule other than exact copies the sampled Gaussian to the focus' voxel."""
    mask, affine = np.ones(SHAPE, dtype=bool), world(2, 2, 2)
    voxel = np.array([11, 9, 10])
    xyz = (voxel @ affine[:3, :3].T + affine[:3, 3])[None]
    kernel = sampled_kernel(8.0, affine)
    half = kernel.shape[0] // 2
    expected = np.zeros(SHAPE)
    box = tuple(slice(v - half, v + half + 1) for v in voxel)
    expected[box] = kernel
    maps = ale_maps(xyz, np.array([0]), np.array([8.0]), mask, affine, "half-even")
    np.testing.assert_array_equal(maps.toarray()[0], expected[mask])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("exact", [0.5, 1.5, 2.5]),
        ("half-up", [1, 2, 3]),
        ("half-even", [0, 2, 2]),
        ("truncate", [0, 1, 2]),
        ("ceil", [1, 2, 3]),
    ],
)
def test_voxelization_rules_at_ties(rule: str, expected: list[float]) -> None:
    """Coordinates halfway between voxels go where each tool puts them, with x to the left."""
    affine = np.diag([-2.0, 2, 2, 1])
    np.testing.assert_array_equal(voxelize(np.array([[-1.0, 3, 5]]), affine, rule)[0], expected)


@pytest.mark.parametrize("rule", defaults.VOXELIZATIONS)
def test_voxelization_is_the_same_place_on_any_orientation(rule: str) -> None:
    """A focus is moved to the same place in mm whichever way the axes run, in whichever order."""
    fsl = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    canonical = np.array([[2.0, 0, 0, -90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    turned = np.array([[0, 0, -2.0, 90], [0, -2, 0, 90], [2, 0, 0, -72], [0, 0, 0, 1]])
    xyz = np.array([(1, 1, 1), (-1, -3, 5), (0.3, -0.3, 11), (-37.4, 12.9, 55.5), (40, -60, 8)])

    def placed(affine: np.ndarray) -> np.ndarray:
        return voxelize(xyz, affine, rule) @ affine[:3, :3].T + affine[:3, 3]

    np.testing.assert_allclose(placed(canonical), placed(fsl), atol=1e-9)
    np.testing.assert_allclose(placed(turned), placed(fsl), atol=1e-9)


def test_peers_voxel_examples() -> None:
    """The published voxel of five points on the 2 mm MNI grid, with NiMARE's rule."""
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -90, -126, -72
    points = np.array([(1, 1, 1), (-1, -1, -1), (3, 5, 7), (0, 0, 0), (1.2, -3.4, 5.9)])
    expected = [(46, 64, 36), (44, 62, 36), (46, 66, 40), (45, 63, 36), (46, 61, 39)]
    np.testing.assert_array_equal(voxelize(points, affine, "half-even"), expected)


def test_voxel_centres_are_whole_numbers() -> None:
    """Points at voxel centres lose the rounding noise of the inverse affine."""
    affine = world(1.1, 0.7, 3.3)
    ijk = np.argwhere(np.ones((7, 7, 7)))
    xyz = ijk @ affine[:3, :3].T + affine[:3, 3]
    np.testing.assert_array_equal(to_voxels(xyz, affine), ijk)


def test_unknown_rule_is_an_error() -> None:
    """A misspelt rule names those there are."""
    with pytest.raises(ValueError, match="voxelization 'nearest' is unknown; there are: exact"):
        voxelize(np.zeros((1, 3)), np.eye(4), "nearest")


def test_threads_change_no_bit_and_inputs_stay() -> None:
    """One and three threads give the same arrays, and no argument is written to."""
    xyz, experiment, fwhm, mask = case(3)
    before = [a.copy() for a in (xyz, experiment, fwhm, mask)]
    one, three = (
        ale_maps(xyz, experiment, fwhm, mask, world(2, 2, 2), n_threads=n) for n in (1, 3)
    )
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
    for old, new in zip(before, (xyz, experiment, fwhm, mask), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("zooms", [(2, 2, 2), (3, 2, 4), (1.5, 1.5, 1.5)])
@pytest.mark.parametrize("rule", ["exact", "half-even"])
def test_spheres_equal_all_pairs_of_distances(zooms, rule: str) -> None:  # type: ignore[no-untyped-def]
    """Each voxel counts the foci of each experiment within 7 mm, the edge included."""
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -20
    mask = np.zeros((14, 15, 13), dtype=bool)
    mask[1:, :14, 2:] = True
    rng = np.random.default_rng(0)
    xyz = np.concatenate([rng.uniform(-24, 30, (25, 3)), [[-20 + 3 * zooms[0], -20, -20]]])
    experiment = np.sort(rng.integers(0, 4, 26))
    found = sphere_counts(xyz, experiment, 5, 7.0, mask, affine, rule, 2).toarray()
    centres = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    foci = voxelize(xyz, affine, rule) @ affine[:3, :3].T + affine[:3, 3]
    near = ((centres[:, None] - foci[None]) ** 2).sum(axis=2) <= 49 + 1e-9
    for number in range(5):
        np.testing.assert_array_equal(found[number], near[:, experiment == number].sum(axis=1))
    assert found[4].sum() == 0


def test_sphere_kernel_holds_its_edge() -> None:
    """A radius of 6 mm at 2 mm: 123 voxels, the six at exactly 6 mm among them."""
    kernel = sphere_kernel(6.0, np.diag([2.0, 2, 2, 1]))
    assert kernel.shape == (7, 7, 7)
    assert kernel.sum() == 123
    assert kernel[0, 3, 3] == 1


@pytest.mark.parametrize("n_threads", [1, 2])
def test_rows_that_fill_several_blocks(monkeypatch, n_threads) -> None:
    """Rows are the same however many fit into a block, and whichever thread fills them."""
    rng = np.random.default_rng(1)
    mask = np.ones((6, 7, 8), dtype=bool)
    dense = rng.random((9, mask.sum())) * (rng.random((9, mask.sum())) < 0.6)
    dense[3] = 0

    def fill(number, memory):
        _, scratch, touched, _ = memory
        voxels = np.flatnonzero(dense[number])[::-1]
        touched[: len(voxels)] = voxels
        scratch[voxels] = dense[number, voxels]
        return len(voxels)

    for size in (1, 500, 10**6):
        monkeypatch.setattr(module, "_BLOCK", size)
        found = module.build_rows(fill, len(dense), mask, n_threads)
        np.testing.assert_array_equal(found.toarray(), dense)
        assert found.has_sorted_indices
