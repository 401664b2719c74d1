"""What an analysis rests on: defaults by corrector, words, and what does not go together."""

import pytest

from nimare_pipeline.errors import UsageError
from nimare_pipeline.inference import Inference, result_level
from nimare_pipeline.settings import Analysis, Component

BONFERRONI = Component("FWECorrector", {"method": "bonferroni"})
FDR = Component("FDRCorrector", {"method": "indep"})
MONTECARLO = Component("FWECorrector", {"method": "montecarlo"})
TFCE = Component("FWECorrector", {"method": "montecarlo", "tfce": True})


@pytest.mark.parametrize(
    ("corrector", "result", "level"),
    [
        (MONTECARLO, "", "size"),
        (MONTECARLO, "cluster-mass", "mass"),
        (MONTECARLO, "voxel", "voxel"),
        (Component("FWECorrector"), "", "size"),
        (TFCE, "", "tfce"),
        (TFCE, "cluster-size", "size"),
        (BONFERRONI, "", "voxel"),
        (FDR, "", "voxel"),
        (FDR, "voxel", "voxel"),
    ],
)
def test_level_follows_from_corrector_and_request(corrector, result: str, level: str) -> None:  # type: ignore[no-untyped-def]
    """Cluster size where clusters are judged and nothing else is asked for, else voxels."""
    assert result_level(Analysis("a", corrector=corrector, result=result)) == level


@pytest.mark.parametrize(
    ("corrector", "result", "message"),
    [
        (FDR, "cluster-size", "FDRCorrector with method 'indep' judges voxels only"),
        (BONFERRONI, "cluster-mass", "needs FWECorrector with method 'montecarlo'"),
        (MONTECARLO, "tfce", "result 'tfce' needs the keyword tfce = true of FWECorrector"),
        (MONTECARLO, "size", "result 'size' is unknown; there are: cluster-size, cluster-mass"),
    ],
)
def test_what_a_corrector_does_not_give_is_refused(corrector, result, message) -> None:  # type: ignore[no-untyped-def]
    """A level that is not judged cannot be the result."""
    with pytest.raises(UsageError, match=message):
        result_level(Analysis("a", corrector=corrector, result=result))


@pytest.mark.parametrize(
    ("facts", "level", "criterion", "column"),
    [
        ({}, None, "FWE-corrected p < 0.05 by cluster size", "p_size_fwe"),
        ({}, "mass", "FWE-corrected p < 0.05 by cluster mass", "p_mass_fwe"),
        (
            {},
            "tfce",
            "FWE-corrected p < 0.05 by threshold-free cluster enhancement",
            "p_tfce_fwe",
        ),
        ({}, "voxel", "FWE-corrected p < 0.05 voxel by voxel", "p_voxel_fwe"),
        (
            {"correction": {"error_rate": "FDR", "method": "indep"}},
            None,
            "FDR-corrected p < 0.05 voxel by voxel, Benjamini-Hochberg",
            "p_voxel_fdr",
        ),
        (
            {"correction": {"error_rate": "FWE", "method": "bonferroni"}},
            "voxel",
            "FWE-corrected p < 0.05 voxel by voxel, Bonferroni",
            "p_voxel_fwe",
        ),
    ],
)
def test_inference_in_words(facts, level, criterion: str, column: str) -> None:  # type: ignore[no-untyped-def]
    """The criterion as a caption says it, and the column of p."""
    inference = Inference.of(facts, 0.05, level)
    assert (inference.criterion, inference.column) == (criterion, column)


@pytest.mark.parametrize("estimator", ["ALESubtraction", "MKDAChi2"])
def test_comparison_of_groups_is_enhanced(estimator: str) -> None:
    """Who asks for it gets it as the result."""
    pair = Analysis("a", type="pair", estimator=Component(estimator), corrector=TFCE)
    assert result_level(pair) == "tfce"


def test_what_cannot_be_enhanced_is_told_what_can() -> None:
    """SCALE says why it cannot, and names the others."""
    pair = Analysis("a", estimator=Component("SCALE"), corrector=TFCE)
    with pytest.raises(UsageError, match=r"SCALE has a null of its own .*; tfce is for ALE, MKDA"):
        result_level(pair)
