"""Regions, the contrasts with a focus in them, and the meta-analysis of these."""

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.cohort import make_cohort
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, EmptySelectionError, NoInputError, UsageError
from nimare_pipeline.macm import Region, describe, macm
from nimare_pipeline.meta.cbma.mkda import MKDADensity
from nimare_pipeline.settings import Analysis

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = -20


def brain() -> BrainMask:
    """Voxels of 2 mm from -20 to 20 mm, without a corner."""
    inside = np.ones((21, 21, 21), dtype=bool)
    inside[:3, :3, :3] = False
    return BrainMask(inside, AFFINE, "cube")


STUDIES = {
    "a": ([[0, 0, 0], [10, 0, 0]], 12),
    "b": ([[0, 0, 6], [12, 12, 12]], 20),
    "c": ([[-12, -12, 0]], 16),
    "d": ([[0.5, 0.5, 0.5], [0, 6.5, 0], [1, 1, 1]], 9),
    "e": ([], 30),
}


def dataset(mask: BrainMask | None = None) -> Dataset:
    source = {}
    for name, (xyz, n) in STUDIES.items():
        x, y, z = np.array(xyz, dtype=float).reshape(-1, 3).T.tolist()
        coords = {"space": "MNI", "x": x, "y": y, "z": z}
        contrast = {"coords": coords, "metadata": {"sample_sizes": [n]}}
        source[name] = {"contrasts": {"1": contrast}}
    return Dataset(source, mask=mask or brain())


def box(folder: Path, low, high, affine=AFFINE, shape=(21, 21, 21), name="roi.nii.gz") -> Path:
    values = np.zeros(shape, dtype=np.uint8)
    values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 1
    nib.save(nib.Nifti1Image(values, affine), folder / name)
    return folder / name


def analysis(**options) -> Analysis:
    more = {key: options.pop(key) for key in ("select", "folders") if key in options}
    return Analysis("m", type="macm", options=options, missing_n="median", **more)


class TestSphere:
    def test_contrasts_and_foci(self) -> None:
        """At most the radius away, inclusive, counted by a loop over all foci."""
        facts = describe(dataset(), analysis(sphere=[0, 0, 0, 6]))
        near = {
            name: sum(np.linalg.norm(focus) <= 6 for focus in xyz)
            for name, (xyz, _) in STUDIES.items()
        }
        assert near == {"a": 1, "b": 1, "c": 0, "d": 2, "e": 0}
        assert facts == {
            "words": "a sphere of 6 mm around (0, 0, 0)",
            "sphere": [0, 0, 0, 6],
            "centre": [0, 0, 0],
            "n_voxels": 123,
            "volume_mm3": 984,
            "n_searched": 5,
            "n_contrasts": 3,
            "n_studies": 3,
            "n_foci": 4,
        }
        assert json.loads(json.dumps(facts)) == facts

    @pytest.mark.parametrize("radius", [1.0, 6.0, 6.5, 12.5])
    def test_is_that_of_the_selection_language(self, radius) -> None:
        """``within`` of a selection names the same contrasts."""
        region = make_cohort(dataset(), analysis(sphere=[0, 0, 0, radius]))
        text = f"within(0, 0, 0, {radius})"
        assert region.dataset.ids.tolist() == dataset().select(text).ids.tolist()

    def test_smaller_than_a_voxel(self) -> None:
        """A sphere that holds no voxel centre is the voxel it lies in."""
        region = Region.of(sphere=[0.9, 0.9, 0.9, 0.1])
        xyz = np.argwhere(brain().inside) * 2.0 - 20
        assert xyz[region.over(brain())].tolist() == [[0, 0, 0]]

    @pytest.mark.parametrize(
        "sphere", [[1, 2, 3], [1, 2, 3, 0], [1, 2, 3, -4], [1, 2, np.nan, 4], [1, np.inf, 3, 4]]
    )
    def test_no_sphere(self, sphere) -> None:
        """Four finite numbers, the last above 0."""
        with pytest.raises(UsageError, match="a sphere is x, y, z and a radius above 0, in mm, n"):
            Region.of(sphere=sphere)

    def test_outside_the_brain(self) -> None:
        """A sphere that touches no voxel of the mask says so, also where foci would lie."""
        with pytest.raises(UsageError) as caught:
            make_cohort(dataset(), analysis(sphere=[-20, -20, -20, 2]))
        assert str(caught.value) == (
            "a sphere of 2 mm around (-20, -20, -20) lies outside the mask (cube): give x, y, z, "
            "radius in MNI"
        )

    def test_without_foci(self) -> None:
        """No focus inside: how far it is to the nearest."""
        with pytest.raises(EmptySelectionError) as caught:
            make_cohort(dataset(), analysis(sphere=[16, 16, 16, 2]))
        assert str(caught.value) == (
            "none of the 5 contrasts that are searched has a focus in a sphere of 2 mm around "
            "(16, 16, 16); the nearest focus is 6.9 mm from its centre: 12, 12, 12 of b-1"
        )


class TestMask:
    def test_contrasts_and_foci(self, tmp_path) -> None:
        """Foci in voxels of the mask; the file is identified."""
        path = box(tmp_path, (10, 10, 10), (12, 12, 14))
        facts = describe(dataset(), analysis(roi=str(path)))
        assert facts == {
            "words": "the region roi.nii.gz",
            "file": "roi.nii.gz",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "centre": [1, 1, 3],
            "n_voxels": 16,
            "volume_mm3": 128,
            "n_searched": 5,
            "n_contrasts": 3,
            "n_studies": 3,
            "n_foci": 4,
        }
        found = make_cohort(dataset(), analysis(roi=str(path)))
        text = f'in_mask("{path}")'
        assert found.dataset.ids.tolist() == dataset().select(text).ids.tolist()
        assert found.problems == ()

    def test_on_another_grid(self, tmp_path) -> None:
        """Foci are looked up in the region's own voxels, and the run says what else is done."""
        affine = np.diag([3.0, 3, 3, 1])
        affine[:3, 3] = -1
        path = box(tmp_path, (0, 0, 0), (1, 1, 1), affine, (4, 4, 4))
        found = make_cohort(dataset(), analysis(roi=str(path)))
        # The voxel reaches from -2.5 to 0.5, without its upper end: 0.5 is in the next one.
        assert found.dataset.ids.tolist() == ["a-1"]
        (problem,) = found.problems
        assert problem.message == (
            "Region roi.nii.gz lies on another grid than the analysis: foci are looked up in its "
            "own 1 voxel; figures show it resampled (nearest voxel), 8 voxels of the mask"
        )

    def test_folders(self, tmp_path) -> None:
        """A relative path counts from the first folder that has it."""
        box(tmp_path, (10, 10, 10), (12, 12, 14))
        folders = (str(tmp_path / "none"), str(tmp_path))
        found = make_cohort(dataset(), analysis(roi="roi.nii.gz", folders=folders))
        assert len(found.dataset.ids) == 3
        with pytest.raises(NoInputError, match=r"there is no region file x.nii in .*/none or "):
            make_cohort(dataset(), analysis(roi="x.nii", folders=folders))

    def test_empty(self, tmp_path) -> None:
        """A mask without a voxel, and a file that is no image, are refused by name."""
        path = box(tmp_path, (0, 0, 0), (0, 0, 0))
        with pytest.raises(DataError, match=r"mask roi.nii.gz is empty: no voxel differs from 0"):
            make_cohort(dataset(), analysis(roi=str(path)))
        path.write_text("text")
        with pytest.raises(DataError, match=r"mask .*roi.nii.gz cannot be read as an image"):
            make_cohort(dataset(), analysis(roi=str(path)))

    def test_outside_the_brain(self, tmp_path) -> None:
        """A mask none of whose voxels is analysed."""
        path = box(tmp_path, (0, 0, 0), (2, 2, 2))
        with pytest.raises(DataError) as caught:
            make_cohort(dataset(), analysis(roi=str(path)))
        assert str(caught.value) == (
            "the region roi.nii.gz lies outside the mask (cube): none of its 8 voxels is in it; "
            "is it in MNI space?"
        )

    def test_without_foci(self, tmp_path) -> None:
        """No focus inside: how far it is from its voxels to the nearest."""
        path = box(tmp_path, (18, 18, 18), (20, 20, 20))
        with pytest.raises(EmptySelectionError) as caught:
            make_cohort(dataset(), analysis(roi=str(path), select="sample_size > 12"))
        assert str(caught.value) == (
            "none of the 3 contrasts that are searched has a focus in the region roi.nii.gz; the "
            "nearest focus is 6.9 mm from its voxels: 12, 12, 12 of b-1"
        )
        with pytest.raises(EmptySelectionError, match=r"1 contrast that is searched .*no foci$"):
            make_cohort(dataset(), analysis(roi=str(path), select="sample_size == 30"))


def test_select_and_region_have_their_reasons() -> None:
    """What the selection leaves out is told from what has no focus in the region; no warnings."""
    request = analysis(sphere=[0, 0, 0, 6], select="sample_size > 9")
    found = make_cohort(dataset(), request)
    reasons = dict(zip(found.contrasts["id"], found.contrasts["reason"], strict=True))
    assert reasons == {
        "a-1": "",
        "b-1": "",
        "c-1": "no focus in the region",
        "d-1": "not selected",
        "e-1": "no focus in the region",
    }
    assert found.problems == ()
    assert set(found.coordinates["id"]) == {"a-1", "b-1"}
    assert describe(dataset(), request)["n_searched"] == 4


@pytest.mark.parametrize("ways", [{}, {"roi": "x.nii", "sphere": [0, 0, 0, 1]}])
def test_one_region(ways) -> None:
    """Neither a mask nor a sphere, or both, is no region."""
    got = "both" if ways else "neither"
    with pytest.raises(UsageError, match=rf"a mask \(roi\) or a sphere; {got} was given"):
        macm(dataset(), **ways)


class TestLibrary:
    def test_is_the_meta_analysis_of_the_slice(self) -> None:
        """The same maps as those of the studies that the tutorial's way finds."""
        data = dataset()
        found = macm(data, MKDADensity(), sphere=[0, 0, 0, 6])
        ids = data.get_studies_by_coordinate([[0, 0, 0]], r=6)
        expected = MKDADensity().fit(data.slice(ids))
        for name, values in expected.maps.items():
            np.testing.assert_array_equal(found.maps[name], values)
        assert found.ids == expected.ids
        assert found.facts["region"] == describe(data, analysis(sphere=[0, 0, 0, 6]))
        assert found.arrays["region"].sum() == 123
        assert found.description_.startswith(
            "Coactivation with a sphere of 6 mm around (0, 0, 0) was modelled (MACM "
            "\\citep{robinson2010}): 3 contrasts of 5 had a focus in it. "
        )
        assert "langner2014" in found.bibtex_

    def test_ale_of_an_image(self) -> None:
        """ALE by default; the region may be an image in memory."""
        image = nib.Nifti1Image(np.ones((21, 21, 21), dtype=np.uint8), AFFINE)
        found = macm(dataset(), roi=image)
        assert found.estimator.type == "ALE"
        assert len(found.ids) == 4

    def test_no_study(self) -> None:
        """A region no study touches."""
        with pytest.raises(EmptySelectionError, match="none of the 5 contrasts that are searched"):
            macm(dataset(), sphere=[16, 16, 16, 2])


def test_amygdala_of_the_tutorial(shared_data) -> None:
    """The tutorial's region on its grid of another space: foci by a loop over voxels."""
    path = shared_data / "roi_masks" / "amygdala_roi.nii.gz"
    file = shared_data / "nimare_json" / "neurosynth_laird_studies.json"
    data = Dataset(json.loads(file.read_text().replace('"UNKNOWN"', '"MNI"')))
    image = nib.load(path)
    inside, inverse = image.get_fdata() > 0, np.linalg.inv(image.affine)
    expected = []
    for row in data.coordinates.itertuples():
        ijk = np.floor(inverse @ [row.x, row.y, row.z, 1] + 0.5)[:3].astype(int)
        if (ijk >= 0).all() and (ijk < inside.shape).all() and inside[tuple(ijk)]:
            expected.append(row.id)
    facts = describe(data, Analysis("m", type="macm", options={"roi": str(path)}))
    assert (facts["n_foci"], facts["n_contrasts"]) == (len(expected), len(set(expected)))
    assert expected
