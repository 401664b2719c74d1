"""Conjunction in the library: of results with and without correction, and of images."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy.stats import norm

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.conjunction import conjunction
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.errors import DataError, UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
VOXEL = MapSpec("p", level="voxel", correction="FWE", method="montecarlo")
SIZE = MapSpec("p", level="cluster", measure="size", correction="FWE", method="montecarlo")


def mask(n: int = 6, hole: int | None = None) -> BrainMask:
    inside = np.ones((n, 1, 1), dtype=bool)
    if hole is not None:
        inside[hole] = False
    return BrainMask(inside, AFFINE, "line")


def result(z: list[float], corrected: dict[MapSpec, list[float]] | None = None, **more):
    """Result with these z, on a line of voxels; ``tail`` and ``mask`` in ``more``."""
    values, tail = np.array(z, dtype=float), more.get("tail", "positive")
    two = tail == "two-sided"
    p = 2 * norm.sf(np.abs(values)) if two else norm.sf(values)
    maps = {MapSpec("stat", tail): values, MapSpec("z", tail): values, MapSpec("p", tail): p}
    maps[MapSpec("logp", tail)] = -np.log10(p)
    maps |= {spec: np.array(found) for spec, found in (corrected or {}).items()}
    return MetaResult(
        Component("ALE"),
        more.get("mask", mask(len(z))),
        {spec.name: found for spec, found in maps.items()},
        {spec.name: spec for spec in maps},
    )


A = result([5.0, 4.0, 1.0, 0.0, 3.0, 2.0])
B = result([3.0, 6.0, 2.0, 4.0, 0.5, 2.5])


def test_minimum_and_largest_p() -> None:
    """z is the smaller of both and p its own p; what the inputs hold is unchanged."""
    found = conjunction([A, B], names=("a", "b"))
    np.testing.assert_array_equal(found.maps["z"], [3, 4, 1, 0, 0.5, 2])
    np.testing.assert_allclose(found.maps["p"], norm.sf([3, 4, 1, 0, 0.5, 2]))
    np.testing.assert_allclose(found.maps["logp"], -np.log10(norm.sf([3, 4, 1, 0, 0.5, 2])))
    np.testing.assert_array_equal(found.arrays["suprathreshold"], [1, 1, 0, 0, 0, 1])
    assert found.facts["conjunction"]["criterion"] == "uncorrected p < 0.05 in each of a and b"
    assert (found.estimator.type, found.specs["z"].tail) == ("Conjunction", "positive")
    assert "nichols2005" in found.bibtex_
    assert "a and b" in found.description_


def test_level_of_alpha() -> None:
    """A smaller alpha leaves fewer voxels, and clusters of them are tabulated."""
    found = conjunction([A, B], alpha=0.01)
    np.testing.assert_array_equal(found.arrays["suprathreshold"], [1, 1, 0, 0, 0, 0])
    table = cluster_table(found, level="none").clusters
    assert table[["n_voxels", "z_stat", "x"]].to_numpy().tolist() == [[2, 4.0, 2.0]]


@pytest.mark.parametrize(("level", "spec"), [("voxel", VOXEL), ("cluster-size", SIZE)])
def test_corrected_level(level, spec) -> None:
    """Significant is where every corrected p is below alpha; the largest of them is a map."""
    one = replaced(A, spec, [0.01, 0.2, 0.01, 1, 0.01, 0.04])
    two = replaced(B, spec, [0.04, 0.01, 0.2, 1, 0.01, 0.01])
    found = conjunction([one, two], level=level)
    np.testing.assert_array_equal(found.maps[spec.name], [0.04, 0.2, 0.2, 1, 0.01, 0.04])
    np.testing.assert_array_equal(found.arrays["suprathreshold"], [1, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(found.maps["z"], [3, 4, 1, 0, 0.5, 2])


def replaced(of: MetaResult, spec: MapSpec, values: list[float]) -> MetaResult:
    return of.with_maps({spec: np.array(values)})


def test_corrections_that_differ_have_no_common_map() -> None:
    """FWE and FDR: significant where both are, but no map of a p that means neither."""
    fdr = MapSpec("p", level="voxel", correction="FDR", method="indep")
    found = conjunction(
        [replaced(A, VOXEL, [0.01] * 6), replaced(B, fdr, [0.01, 0.2] * 3)], level="voxel"
    )
    assert set(found.maps) == {"stat", "z", "p", "logp"}
    np.testing.assert_array_equal(found.arrays["suprathreshold"], [1, 0, 1, 0, 1, 0])


def test_negative_and_mixed_signs() -> None:
    """Two-tailed results: negative conjunctions are kept, apart from positive ones."""
    one = result([-5, -4, 3, -3, np.nan, 4], tail="two-sided")
    two = result([-3, -6, 4, 3, -3, 5], tail="two-sided")
    found = conjunction([one, two])
    np.testing.assert_array_equal(found.maps["z"], [-3, -4, 3, 0, np.nan, 4])
    np.testing.assert_array_equal(found.arrays["suprathreshold"], [-1, -1, 1, 0, 0, 1])
    assert found.maps["p"][3] == 1
    assert found.specs["z"].tail == "two-sided"
    table = cluster_table(found, level="none").clusters
    assert table["n_voxels"].tolist() == [1, 1, 2]
    assert table["z_stat"].tolist() == [4, 3, -4]


def test_order_does_not_matter() -> None:
    """Inputs in another order give the same maps."""
    one, two = conjunction([A, B]), conjunction([B, A])
    for name in one.maps:
        np.testing.assert_array_equal(one.maps[name], two.maps[name])


def test_masks_that_differ_are_intersected() -> None:
    """On one grid, voxels that one of the inputs lacks are left out."""
    other = result([3.0, 6.0, 2.0, 4.0, 0.5], mask=mask(6, hole=2))
    found = conjunction([A, other])
    np.testing.assert_array_equal(found.maps["z"], [3, 4, 0, 3, 0.5])
    assert found.mask.name == "voxels of all masks"


def image(z: list[float], affine=AFFINE) -> nib.Nifti1Image:
    return nib.Nifti1Image(np.array(z, dtype=float).reshape(-1, 1, 1), affine)


class TestImages:
    def test_thresholded(self, tmp_path) -> None:
        """Images or their paths: where all are significant; 0 elsewhere."""
        path = tmp_path / "b.nii.gz"
        nib.save(image([3, 0, 4, 0]), path)
        found = conjunction([image([2, 5, 5, 0]), path])
        np.testing.assert_array_equal(found.get_map("z").get_fdata().ravel(), [2, 0, 4, 0])
        assert found.specs["z"].tail == "positive"
        np.testing.assert_allclose(found.maps["p"], norm.sf([2, 0, 4, 0]))

    def test_negative_values_make_both_tails(self) -> None:
        """With a negative value anywhere, p is that of both tails for all."""
        found = conjunction([image([2, -3]), image([3, -2.5])])
        np.testing.assert_allclose(found.maps["p"], 2 * norm.sf([2, 2.5]))
        np.testing.assert_array_equal(found.maps["z"], [2, -2.5])

    def test_wrong(self) -> None:
        """A correction, results beside images, and volumes in a row are refused."""
        with pytest.raises(UsageError, match="images have no p corrected by voxel: threshold"):
            conjunction([image([1]), image([1])], level="voxel")
        with pytest.raises(UsageError, match="results and images are not combined"):
            conjunction([A, image([1, 2, 3, 4, 5, 6])])
        series = nib.Nifti1Image(np.zeros((2, 2, 2, 2)), AFFINE)
        with pytest.raises(DataError, match=r"input 2: expected a 3-D image, got shape \(2, 2,"):
            conjunction([image([1, 2]), series])


@pytest.mark.parametrize(
    ("inputs", "options", "kind", "message"),
    [
        ([A], {}, UsageError, "a conjunction is of two or more results, not 1"),
        ([A, B], {"level": "size"}, UsageError, "level is one of uncorrected, cluster-size, clu"),
        ([A, B], {"level": "result"}, UsageError, "level is one of uncorrected"),
        ([A, B], {"alpha": 1.0}, UsageError, "alpha is a level between 0 and 1, not 1.0"),
        ([A, B], {"names": "abc"}, UsageError, "there are 3 names for 2 inputs"),
        ([A, B], {"level": "voxel"}, UsageError, "input 1 has no p corrected by voxel; it has: s"),
        (
            [A, result([1.0] * 5)],
            {},
            DataError,
            "input 1 and input 2 are on different grids (6 x 1 x 1 voxels of 2 x 2 x 2 mm and 5 x",
        ),
        (
            [A, result([1.0] * 6, mask=BrainMask(np.ones((6, 1, 1), bool), AFFINE + np.eye(4)))],
            {},
            DataError,
            "are on different grids",
        ),
        (
            [
                result([1.0], mask=BrainMask(np.array([[[True, False]]]), AFFINE)),
                result([1.0], mask=BrainMask(np.array([[[False, True]]]), AFFINE)),
            ],
            {},
            DataError,
            "no voxel is in the masks of all: input 1 and input 2",
        ),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_wrong_requests(inputs, options, kind, message) -> None:
    """Each says what is wrong and what there is."""
    with pytest.raises(kind) as caught:
        conjunction(inputs, **options)
    assert message in str(caught.value)


def test_result_without_z() -> None:
    """A result that lacks a map is named, with what it has."""
    broken = replace(A, maps={"stat": A.maps["stat"]}, specs={"stat": A.specs["stat"]})
    with pytest.raises(UsageError, match="input 2 has no map z, p, logp; it has: stat"):
        conjunction([A, broken])
