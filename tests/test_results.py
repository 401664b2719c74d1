"""A result as a user holds it: maps as arrays, images and files, tables as files."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import UsageError
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Component


@pytest.fixture
def result() -> MetaResult:
    inside = np.zeros((4, 5, 6), dtype=bool)
    inside[1:3, 1:4, 2:5] = True
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    specs = [MapSpec("z"), MapSpec("p")]
    specs += [MapSpec("z", level="cluster", measure="size", correction="FWE", method="montecarlo")]
    values = np.linspace(0.1, 1.8, 18)
    values[4] = np.nan
    return MetaResult(
        Component("ALE"),
        BrainMask(inside, affine),
        maps={spec.name: values * (number + 1) for number, spec in enumerate(specs)},
        specs={spec.name: spec for spec in specs},
        tables={"clusters": pd.DataFrame({"peak": ["1", "1a"], "z": [4.5, np.nan]})},
    )


def test_an_image_holds_the_map_inside_and_no_evidence_outside(result: MetaResult) -> None:
    """z is 0 and p is 1 outside the mask; NaN stays where a voxel inside has no value."""
    inside = result.mask.inside
    for name, outside in [("z", 0), ("p", 1)]:
        image = result.get_map(name)
        np.testing.assert_array_equal(image.get_fdata()[inside], result.maps[name])
        assert (image.get_fdata()[~inside] == outside).all()
        np.testing.assert_array_equal(image.affine, result.mask.affine)
    assert result.get_map("z", return_type="array") is result.maps["z"]


def test_a_result_is_shown_in_one_line(result: MetaResult) -> None:
    """A notebook shows the method, the sizes and the names of the maps, not their values."""
    assert repr(result) == (
        "MetaResult(ALE, 0 contrasts, 18 voxels; "
        "maps: z, p, z_desc-size_level-cluster_corr-FWE_method-montecarlo)"
    )


def test_what_is_not_there_is_said(result: MetaResult) -> None:
    """An unknown map lists those there are, an unknown type what is accepted."""
    with pytest.raises(
        UsageError, match="no map 'zz' in this result; there are: z, p, z_desc-size"
    ):
        result.get_map("zz")
    with pytest.raises(UsageError, match="return_type is 'image' or 'array', not 'nifti'"):
        result.get_map("z", return_type="nifti")  # type: ignore[call-overload,arg-type]


def test_maps_are_saved_under_their_names(result: MetaResult, tmp_path: Path) -> None:
    """All maps, or those asked for by name or alias, with a prefix and in a new folder."""
    paths = result.save_maps(tmp_path / "new", prefix="pain")
    assert [path.name for path in paths] == [f"pain_{name}.nii.gz" for name in result.maps]
    saved = nib.load(paths[0])
    np.testing.assert_array_equal(saved.get_fdata()[result.mask.inside], result.maps["z"])
    (one,) = result.save_maps(tmp_path, names=["z_level-cluster_corr-FWE_method-montecarlo"])
    assert one.name == "z_desc-size_level-cluster_corr-FWE_method-montecarlo.nii.gz"


def test_tables_are_saved_as_tsv(result: MetaResult, tmp_path: Path) -> None:
    """Tab separated, without index, n/a for what is missing."""
    (path,) = result.save_tables(tmp_path, prefix="pain")
    assert path.name == "pain_clusters.tsv"
    assert path.read_text() == "peak\tz\n1\t4.5\n1a\tn/a\n"


def test_masker_turns_images_into_the_same_vector(result: MetaResult) -> None:
    """The nilearn masker of a result is fitted to its mask."""
    image = result.mask.image(np.arange(18.0))
    np.testing.assert_array_equal(np.ravel(result.masker.transform(image)), np.arange(18.0))


def test_whole_result_survives_the_disk(result: MetaResult, tmp_path: Path) -> None:
    """Tables keep values and missing ones, maps their NaN."""
    loaded = MetaResult.load(result.save(tmp_path / "result.any"))
    pd.testing.assert_frame_equal(loaded.tables["clusters"], result.tables["clusters"])
    np.testing.assert_array_equal(loaded.maps["z"], result.maps["z"])
    np.testing.assert_array_equal(loaded.mask.inside, result.mask.inside)
