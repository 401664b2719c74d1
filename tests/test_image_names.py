"""What the names of statistical images tell."""

import pytest

from nimare_pipeline.image_names import Guess, guess


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("study-01_z.nii.gz", Guess("01", "1", "z")),
        ("study-a_contrast-heat_space-MNI152NLin6Asym_stat-effect_statmap.nii.gz",
         Guess("a", "heat", "effect", "MNI152NLin6Asym")),
        ("study-a/study-a_contrast-b_stat-t_statmap.nii", Guess("a", "b", "t")),
        ("pain_01_varcope.nii.gz", Guess("pain_01", "1", "variance")),
        ("pain_01_beta.nii.gz", Guess("pain_01", "1", "effect")),
        ("Ada2001_zmap.nii", Guess("Ada2001", "1", "z")),
        ("ada_se.nii", Guess("ada", "1", "se")),
        ("ada-pval.nii", Guess("ada", "1", "p")),
        ("ada.feat/stats/zstat1.nii.gz", Guess("ada", "1", "z")),
        ("ada.gfeat/cope1.feat/stats/varcope2.nii.gz", Guess("ada", "2", "variance")),
        ("ada.gfeat/cope1.feat/mask.nii.gz", Guess("ada", "1", "mask")),
        ("bell/spmT_0003.nii", Guess("bell", "3", "t")),
        ("bell/con_0003.nii", Guess("bell", "3", "effect")),
        ("con_0001.nii", Guess("con_0001", "1", "effect")),
        ("motor_lips.nii.gz", Guess("motor_lips", "1", "")),
        ("session.nii", Guess("session", "1", "")),
    ],
)  # fmt: skip
def test_name(path, found) -> None:
    """Study, contrast, kind and space, where name or folder tell; else one study a file."""
    assert guess(path) == found
