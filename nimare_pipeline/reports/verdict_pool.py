"""What a reader has to know of p that is counted at each voxel against foci from a pool."""

from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import Any

from nimare_pipeline.inference import Inference
from nimare_pipeline.reports.verdict_groups import Said


def notices(facts: Mapping[str, Any], inference: Inference) -> Iterator[Said]:
    """Say where p ends, and when nothing could be significant because of it."""
    n_iters, n_voxels = facts.get("null_n_iters"), facts.get("n_voxels")
    if not facts.get("null_foci") or not n_iters:
        return
    least = 1 / (n_iters + 1)
    if (
        inference.method in {"bonferroni", "holm"}
        and n_voxels
        and (least * n_voxels >= inference.alpha)
    ):
        text = (
            f"Of {n_iters:,} iterations no uncorrected p is below {least:.2g}, and over "
            f"{n_voxels:,} voxels this is too large. Correct by Monte Carlo, or by FDR."
        )
        yield "bad", "No voxel could be significant", text
        return
    text = (
        f"p is counted in {n_iters:,} iterations at each voxel, and is never below {least:.2g}. "
        "Where z is that high, compare ALE values and corrected p, or take more iterations."
    )
    yield "note", f"z ends at {NormalDist().inv_cdf(1 - least):.2f}", text
