"""Results in a folder of derivatives as parts of a conjunction."""

from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline import derivatives
from nimare_pipeline.conjunction_parts import conjoin, inputs_of
from nimare_pipeline.errors import DataError, NoInputError, UsageError
from nimare_pipeline.settings import Analysis
from tests import derived

A, B = [5.0, 4.0, 1.0, 0.0, 3.0, 2.0], [3.0, 6.0, 2.0, 4.0, 0.5, 2.5]
P_A, P_B = [0.01, 0.2, 0.01, 1, 0.01, 0.04], [0.04, 0.01, 0.2, 1, 0.01, 0.01]


def ask(level: str = "", of: tuple[str, ...] = ("a", "b"), alpha: float = 0.05) -> Analysis:
    options = {"of": list(of), **({"level": level} if level else {})}
    return Analysis("both", type="conjunction", alpha=alpha, options=options)


@pytest.fixture
def out(tmp_path) -> Path:
    """Two results that are corrected voxel by voxel; b by clusters too."""
    out = tmp_path / "out"
    derived.write(out, "a", derived.made_result(A, voxel=P_A))
    return derived.write(out, "b", derived.made_result(B, voxel=P_B, size=[0.5] * 5 + [0.01]))


@pytest.mark.parametrize(
    ("level", "alpha", "expected"),
    [
        # Of a: voxels 0, 2, 4, 5 are significant; of b: 0, 1, 4, 5.
        ("", 0.05, [1, 0, 0, 0, 1, 1]),
        ("result", 0.001, [1, 0, 0, 0, 1, 1]),
        ("uncorrected", 0.05, [1, 1, 0, 0, 0, 1]),
        ("uncorrected", 0.005, [1, 1, 0, 0, 0, 0]),
        ("voxel", 0.05, [1, 0, 0, 0, 1, 1]),
        ("voxel", 0.041, [1, 0, 0, 0, 1, 1]),
        ("voxel", 0.039, [0, 0, 0, 0, 1, 0]),
    ],
)
def test_levels(out, level, alpha, expected) -> None:
    """What is significant in each, by its own criterion or by p below alpha; z is the minimum."""
    result, _, _ = conjoin(out, ask(level, alpha=alpha))
    np.testing.assert_array_equal(result.arrays["suprathreshold"], expected)
    np.testing.assert_array_equal(result.maps["z"], np.minimum(A, B))


def test_signs_are_kept(tmp_path) -> None:
    """Of two-tailed results the one nearest to zero; significant with other signs is neither."""
    out = tmp_path / "out"
    always = {"voxel": [0.01] * 4, "tail": "two-sided"}
    derived.write(out, "a", derived.made_result([-5, -4, 3, -3], **always))
    derived.write(out, "b", derived.made_result([-3, -6, 4, 3], **always))
    result, _, _ = conjoin(out, ask())
    np.testing.assert_array_equal(result.maps["z"], [-3, -4, 3, 0])
    np.testing.assert_array_equal(result.arrays["suprathreshold"], [-1, -1, 1, 0])


def test_level_that_one_lacks(out) -> None:
    """The analysis is named with the levels that it has."""
    with pytest.raises(UsageError, match="a has no p corrected by cluster-size; it has: voxel"):
        conjoin(out, ask("cluster-size"))


def test_what_is_not_there(out) -> None:
    """Analyses without a result in the folder are named together."""
    with pytest.raises(NoInputError, match=r"out has no result of x, y: run them too"):
        conjoin(out, ask(of=("x", "a", "y")))


def test_altered_map(out) -> None:
    """A map that is not as its run wrote it is no input; another one does not matter."""
    (used,) = out.glob("tpl-*/cohort-a/*_stat-z_statmap.nii.gz")
    (other,) = out.glob("tpl-*/cohort-a/*_stat-p_desc-voxelFWE_statmap.nii.gz")
    other.write_bytes(used.read_bytes())
    conjoin(out, ask())
    with pytest.raises(DataError, match=r"a: .*_stat-p_desc-voxelFWE.* was altered or damaged"):
        conjoin(out, ask("voxel"))
    used.write_bytes(used.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"a: .*_stat-z_statmap.nii.gz was altered or damaged"):
        conjoin(out, ask())
    used.unlink()
    with pytest.raises(DataError, match=r"a: no map z in .*cohort-a: run it again"):
        conjoin(out, ask())


def test_grids_that_differ(out) -> None:
    """Results on different grids are named with their grids."""
    mask = derived.small_mask()
    coarse = type(mask)(mask.inside, mask.affine * [[1.5], [1.5], [1.5], [1]], "coarse")
    derived.write(out, "c", derived.made_result(A, voxel=P_A, mask=coarse), mask_file="c.nii")
    with pytest.raises(DataError, match=r"a and c are on different grids \(91 x 109 x 91 voxels"):
        conjoin(out, ask(of=("a", "c")))


def test_facts_identify_the_inputs(out) -> None:
    """Run, criterion and the digest of every file that is used; another level, other files."""
    result, _, _ = conjoin(out, ask())
    facts = result.facts["conjunction"]
    assert facts["inputs"] == inputs_of(out, ask())
    first = facts["inputs"][0]
    assert (first["name"], first["run_uuid"], first["n_contrasts"]) == ("a", "run", 20)
    assert first["criterion"] == "FWE-corrected p < 0.05 voxel by voxel"
    assert facts["criterion"] == "each of a and b by its own criterion"
    record = derivatives.read(out).analyses[0].record
    digests = first["files"]
    assert digests == {name: record["Checksums"][name] for name in digests}
    assert sum("Thresholded" in name for name in digests) == 1
    assert len(digests) == 4
    assert inputs_of(out, ask("voxel"))[0]["files"].keys() != digests.keys()


def test_tables_are_those_of_all(tmp_path) -> None:
    """Each contrast once, included if one result includes it, with the foci of the first."""
    out = tmp_path / "out"
    one = derived.contrasts(ada=True, bell=False, cox=False)
    two = derived.contrasts(cox=True, ada=True, dee=False)
    derived.write(out, "a", derived.made_result(A, voxel=P_A), one, x=1.0)
    derived.write(out, "b", derived.made_result(B, voxel=P_B), two, x=2.0)
    _, contrasts, coordinates = conjoin(out, ask())
    included = dict(zip(contrasts["study_id"], contrasts["included"], strict=True))
    assert included == {"ada": True, "bell": False, "cox": True, "dee": False}
    foci = list(zip(coordinates["study_id"], coordinates["x"], strict=True))
    assert foci == [("ada", 1.0), ("cox", 2.0)]


@pytest.mark.parametrize("both", [True, False])
def test_experiments_are_those_of_all_or_contrasts(tmp_path, both) -> None:
    """Where not all results pool their contrasts in one way, a conjunction counts contrasts."""
    out = tmp_path / "out"
    one = derived.contrasts(ada=True, bell=True)
    united = one.assign(pooled_into="ada-pooled", pooled_sample_size=20.0)
    derived.write(out, "a", derived.made_result(A, voxel=P_A), united, x=1.0)
    derived.write(out, "b", derived.made_result(B, voxel=P_B), united if both else one, x=2.0)
    _, contrasts, _ = conjoin(out, ask())
    assert ("pooled_into" in contrasts) is both
    assert ("pooled_sample_size" in contrasts) is both


def test_own_masks_stay_own(tmp_path) -> None:
    """Parts with a mask of their own are said to have one, and the voxels of all are used."""
    out = tmp_path / "out"
    derived.write(out, "a", derived.made_result(A[:5], voxel=P_A[:5]), mask_file="m.nii")
    derived.write(out, "b", derived.made_result(B, voxel=P_B), mask_file="m.nii")
    result, _, _ = conjoin(out, ask())
    assert result.mask.n_voxels == 5
    assert [one["own_mask"] for one in result.facts["conjunction"]["inputs"]] == [True, True]
