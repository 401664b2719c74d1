"""Spaces: Talairach to MNI against published numbers, masks against their grids."""

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline import defaults, spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import DataError, UsageError

TAL = [(-1, -32, 58), (10, 12, 8), (0, 0, 0)]
# From the published matrices, and from FieldTrip's tal2mni.m (its issue 830 has the first).
MNI = {
    "spm": [(0.895, -26.556, 63.020), (11.904, 15.090, 2.683), (1.039, 1.458, -4.748)],
    "fsl": [(0.348, -28.833, 62.807), (11.656, 14.105, 4.306), (1.115, 0.869, -3.605)],
    "other": [(0.615, -27.707, 62.930), (11.783, 14.606, 3.494), (1.078, 1.168, -4.178)],
    "brett": [(-1.0101, -35.9369, 61.2263), (10.101, 11.9435, 9.3367), (0, 0, 0)],
    "none": TAL,
}


@pytest.mark.parametrize("method", MNI)
def test_tal2mni_table(method: str) -> None:
    """Each method gives the published points, to the digits printed."""
    np.testing.assert_allclose(spaces.tal2mni(TAL, method), MNI[method], atol=6e-4)


def test_tal2mni_other_matches_nimare() -> None:
    """The default agrees with NiMARE 0.22.1 to its printed digits."""
    xyz = [(0, 0, 0), (10, -20, 30), (-40, 15, 5), (44, -38, -6)]
    expected = [
        (1.078156, 1.168244, -4.178049),
        (12.091133, -17.345987, 30.704115),
        (-41.683941, 17.201562, 0.544538),
        (48.197455, -39.245488, -8.02127),
    ]
    np.testing.assert_allclose(spaces.tal2mni(xyz), expected, atol=6e-7)


def test_mni2tal_other_matches_nimare() -> None:
    """The way back agrees with NiMARE 0.22.1."""
    xyz = [(0, 0, 0), (10, -20, 30), (-40, 15, 5), (44, -38, -6)]
    expected = [
        (-1.0423, -1.394, 3.6475),
        (8.0407, -22.429, 29.1475),
        (-38.4628, 12.597, 8.847),
        (40.0615, -36.9492, -4.1371),
    ]
    np.testing.assert_allclose(spaces.mni2tal(xyz), expected, atol=6e-5)


@pytest.mark.parametrize("method", defaults.TAL2MNI_METHODS)
def test_tal2mni_round_trip(method: str) -> None:
    """Back and forth gives the point again, above and below the AC-PC plane."""
    xyz = [(-40.0, 15, 25), (44, -38, -26)]
    np.testing.assert_allclose(spaces.mni2tal(spaces.tal2mni(xyz, method), method), xyz)


@pytest.mark.parametrize(
    ("mni", "tal"),
    [
        ((20, 10, 10), (0.99 * 20, 0.9688 * 10 + 0.0460 * 10, -0.0485 * 10 + 0.9189 * 10)),
        ((20, 10, -10), (0.99 * 20, 0.9688 * 10 - 0.0420 * 10, -0.0485 * 10 - 0.8390 * 10)),
    ],
)
def test_mni2tal_brett_as_printed(mni: tuple[float, ...], tal: tuple[float, ...]) -> None:
    """Above and below the plane, Brett's own four-digit coefficients."""
    np.testing.assert_allclose(spaces.mni2tal(mni, "brett")[0], tal, atol=1e-3)


def test_tal2mni_leaves_input_alone() -> None:
    """The array given is not written to."""
    xyz = np.array([[1.0, 2, 3]])
    spaces.tal2mni(xyz, "none")[:] = 0
    np.testing.assert_array_equal(xyz, [[1, 2, 3]])


def test_tal2mni_refuses_unknown_method() -> None:
    """The message lists what is accepted."""
    with pytest.raises(
        UsageError, match="'lancaster'; accepted are: other, spm, fsl, brett, none"
    ):
        spaces.tal2mni(TAL, "lancaster")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MNI", "MNI"),
        ("mni152_2mm", "MNI"),
        (" MNI305 ", "MNI"),
        ("TAL", "TAL"),
        ("talairach", "TAL"),
        ("Talairach\t", "TAL"),
        ("ICBM152", "MNI"),
        ("Montreal Neurological Institute", "MNI"),
        ("Tailarach", "TAL"),
        ("T88", "TAL"),
        ("Talairach (icbm2tal)", "TAL"),
        ("MNI (converted from Talairach)", "MNI"),
        ("Talairach converted to MNI", None),
        ("MNI/Talairach", None),
        ("TAL or MNI", None),
        ("Dog", None),
        ("UNKNOWN", None),
        ("", None),
        (None, None),
        (3, None),
    ],
)
def test_recognise(text: object, expected: str | None) -> None:
    """MNI and Talairach in any spelling, nothing else."""
    assert spaces.recognise(text) == expected


@pytest.mark.parametrize(
    ("target", "n_voxels", "shape", "zoom"),
    [("mni152_2mm", 228_483, (91, 109, 91), 2.0), ("mni152_1mm", 1_827_243, (182, 218, 182), 1.0)],
)
def test_template_mask(target: str, n_voxels: int, shape: tuple[int, ...], zoom: float) -> None:
    """The masks that ship have the template's grids and the voxels their README says."""
    mask = spaces.template_mask(target)
    assert (mask.n_voxels, mask.shape, mask.zooms) == (n_voxels, shape, (zoom,) * 3)


def test_template_mask_refuses_unknown_target() -> None:
    """The message lists the targets."""
    with pytest.raises(UsageError, match="'mni'; accepted are: mni152_2mm, mni152_1mm"):
        spaces.template_mask("mni")


def test_outside_head() -> None:
    """Points on the edge of the template's field of view are still inside."""
    xyz = [(90, -126, 108), (-90.1, 0, 0), (0, 91, 0), (0, 0, 108.5), (0, 0, -72)]
    assert spaces.outside_head(xyz).tolist() == [False, True, True, True, False]


def test_contains_rounds_half_up() -> None:
    """A point half way between two voxels belongs to the upper one; off the grid is outside."""
    inside = np.zeros((4, 4, 4), dtype=bool)
    inside[2, 2, 2] = True
    mask = BrainMask(inside, np.diag([2.0, 2, 2, 1]))
    points = [(4, 4, 4), (3, 4, 4), (2.99, 4, 4), (5, 4, 4), (400, 0, 0), (-3, 4, 4)]
    assert spaces.contains(mask, points).tolist() == [True, True, False, False, False, False]


@pytest.fixture
def coarse() -> BrainMask:
    """Mask of one 4 mm voxel, centred on (0, 0, 0), on a grid of its own."""
    inside = np.zeros((21, 21, 21), dtype=bool)
    inside[10, 10, 10] = True
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -40
    return BrainMask(inside, affine, "one voxel")


def test_analysis_mask_keeps_own_grid(coarse: BrainMask) -> None:
    """Without a target the mask is used as it is."""
    mask, note = spaces.analysis_mask(coarse)
    assert mask is coarse
    assert not note


def test_analysis_mask_resamples_and_says_so(coarse: BrainMask) -> None:
    """On the 2 mm grid, the voxel of 4 mm takes the voxels whose centre it holds: -2 to 0 mm."""
    mask, note = spaces.analysis_mask(coarse, "mni152_2mm")
    xyz = nib.affines.apply_affine(mask.affine, np.argwhere(mask.inside))
    assert sorted(map(tuple, xyz)) == [
        (x, y, z) for x in (-2, 0) for y in (-2, 0) for z in (-2, 0)
    ]
    assert "one voxel lies on another grid (21x21x21 voxels of 4x4x4 mm)" in note
    assert "1 voxel became 8" in note


def test_analysis_mask_on_target_grid_is_untouched() -> None:
    """A mask that already lies on the grid is taken voxel by voxel, without a note."""
    template = spaces.template_mask()
    mask, note = spaces.analysis_mask(template.as_image(), "mni152_2mm")
    assert np.array_equal(mask.inside, template.inside)
    assert not note


def test_analysis_mask_left_right_flipped_grid() -> None:
    """A mask stored from right to left gives the same voxels, whatever the order of the axes."""
    template = spaces.template_mask()
    flipped = nib.Nifti1Image(
        template.inside[::-1].astype(np.uint8),
        template.affine @ np.array([[-1.0, 0, 0, 90], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    )
    mask, note = spaces.analysis_mask(flipped, "mni152_2mm")
    assert np.array_equal(mask.inside, template.inside)
    assert "user mask has another orientation of the axes (LAS, not RAS); it was resampled" in note


def test_analysis_mask_refuses_mask_off_the_grid(coarse: BrainMask) -> None:
    """A mask that lies beside the template is an error, not an empty analysis."""
    away = BrainMask(coarse.inside, coarse.affine + np.diag([0, 0, 0, 0.0]), "away")
    away.affine[:3, 3] = 5000
    with pytest.raises(DataError, match="mask away is empty on the mni152_2mm grid"):
        spaces.analysis_mask(away, "mni152_2mm")


def test_analysis_mask_refuses_empty_mask(tmp_path) -> None:
    """An empty mask is named by its file."""
    path = tmp_path / "nothing.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), dtype=np.uint8), np.eye(4)), path)
    with pytest.raises(DataError, match=r"mask nothing.nii.gz is empty"):
        spaces.analysis_mask(path)


def test_analysis_mask_refuses_what_is_no_image(tmp_path) -> None:
    """A text file is refused in one sentence."""
    path = tmp_path / "mask.nii"
    path.write_text("hello")
    with pytest.raises(DataError, match=r"mask\.nii cannot be read as an image"):
        spaces.analysis_mask(path)


def test_data_path_refuses_unknown() -> None:
    """Asking for data that are not shipped names them."""
    with pytest.raises(UsageError, match="no data called 'examples/none'"):
        spaces.data_path("examples/none")


def test_example_dataset_ships() -> None:
    """The example is 21 studies with 267 foci; images are not in it."""
    from nimare_pipeline.dataset import Dataset

    dataset = Dataset(spaces.data_path("examples/pain/pain.json"))
    assert (len(dataset.ids), len(dataset.coordinates)) == (21, 267)
    assert dataset.sample_sizes().sum() == 334
    assert dataset.get_images() == []
