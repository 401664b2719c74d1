"""Small analyses of images, from values in memory to derivatives, for tests of what is said."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from nimare_pipeline import derivatives, diagnostics
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.correct import FDRCorrector
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.derivative_images import StudyImages
from nimare_pipeline.image_checks import COLUMNS
from nimare_pipeline.image_diagnostics import LeaveOneOut
from nimare_pipeline.images import ImageStack
from nimare_pipeline.registry import get_estimator
from nimare_pipeline.reports.figures import draw_all
from nimare_pipeline.reports.forest import draw_peaks
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Analysis, Component, Settings

SIZES = (12, 15, 20, 25, 18, 30, 22, 16)
EFFECT = 3.0


def box() -> BrainMask:
    """12 x 12 x 12 voxels of 6 mm about the middle of the brain."""
    affine = np.diag([6.0, 6, 6, 1])
    affine[:3, 3] = -33, -50, -20
    return BrainMask(np.ones((12, 12, 12), dtype=bool), affine, "box")


@dataclass(frozen=True)
class Run:
    """Result of an analysis of images, and what its derivatives are written from."""

    result: MetaResult
    clusters: diagnostics.ClusterTable
    contrasts: pd.DataFrame
    images: StudyImages
    analysis: Analysis

    def write(self, folder: Path, *, draw: bool = False, diagnose: bool = False) -> Path:
        """Derivatives of it, in ``out`` in a folder."""
        figures, diagnosed = folder / "drawn", None
        if diagnose:
            found = LeaveOneOut(maps=False).transform(self.result, self.clusters.clusters)
            draw_peaks(found.studies, found.pooled, out_dir=figures)
            diagnosed = found
        if draw:
            draw_all(
                self.result,
                contrasts=self.contrasts,
                coordinates=pd.DataFrame(columns=["id", "x", "y", "z", "inside", "used"]),
                labels=self.clusters.label_map,
                out_dir=figures,
            )
        output = folder / "out"
        settings = Settings(
            bids_dir=str(folder), output_dir=str(output), work_dir=str(folder / "work"),
            run_uuid="20260101-120000_abc", command=("nimare-pipeline", "in", "out", "meta"),
        )  # fmt: skip
        derivatives.write_snapshot(folder / "stage", self.analysis.name, dataset()[0])
        derivatives.write_analysis(
            folder / "stage",
            analysis=self.analysis,
            settings=settings,
            cohort_contrasts=self.contrasts,
            cohort_coordinates=pd.DataFrame(),
            result=self.result,
            clusters=self.clusters,
            figures_dir=figures if draw or diagnose else None,
            images=self.images,
            diagnostics=diagnosed,
        )
        derivatives.write_problems(
            folder / "stage", analysis=self.analysis, settings=settings, problems=[]
        )
        derivatives.swap_in(folder / "stage", output, self.analysis.name)
        derivatives.write_dataset_level(output, settings)
        return output


def dataset(studies: Any = None, *, units: float = 1.0) -> tuple[Dataset, ImageStack]:
    """Eight contrasts with every kind of image, a positive effect in a corner, gaps in one.

    Parameters
    ----------
    studies : sequence of str, optional
        Study of each.
    units : float
        By which the effects of the last contrast are larger.
    """
    mask = box()
    names = studies or [f"s{i}" for i in range(8)]
    contrasts = [
        Contrast(study, str(i), sample_sizes=(n,), metadata={"age": 20.0 + 3 * i})
        for i, (study, n) in enumerate(zip(names, SIZES, strict=True))
    ]
    image = nib.Nifti1Image(mask.inside.astype("u1"), mask.affine)
    made = Dataset.from_contrasts(contrasts, mask=image)
    rng = np.random.default_rng(5)
    corner = np.zeros(mask.shape)
    corner[1:5, 1:5, 1:5] = EFFECT
    shape = (8, mask.n_voxels)
    noise = rng.standard_normal(shape)
    spread = rng.standard_normal((8, 1)) * 0.4
    varcope = rng.uniform(0.5, 1.5, shape) / np.array(SIZES)[:, None] * 8
    beta = corner[mask.inside] + spread + noise * np.sqrt(varcope)
    beta[-1], varcope[-1] = beta[-1] * units, varcope[-1] * units**2
    t = beta / np.sqrt(varcope)
    values = {"beta": beta, "varcope": varcope, "t": t, "z": t, "g": t / 4}
    for rows in values.values():
        rows[0, :200] = np.nan
    stack = ImageStack(
        tuple(made.ids), {kind: rows.astype(np.float32) for kind, rows in values.items()},
        made={"z": (made.ids[2],)},
    )  # fmt: skip
    return made, stack


def run(
    name: str,
    args: dict[str, Any] | None = None,
    *,
    corrector: Any = None,
    studies: Any = None,
    units: float = 1.0,
    refused: int = 1,
) -> Run:
    """Analyse the images of ``dataset`` and correct the result, by FDR if nothing else is said."""
    component = Component(name, dict(args or {}))
    made, stack = dataset(studies, units=units)
    fitted = get_estimator(component).fit(made, images=stack)
    corrector = corrector or FDRCorrector()
    result = corrector.transform(fitted)
    level = "size" if result.facts["correction"]["method"] == "montecarlo" else "voxel"
    analysis = Analysis(
        "images", "ibma", estimator=component,
        corrector=Component(type(corrector).__name__, corrector.get_params()),
    )  # fmt: skip
    return Run(
        result,
        diagnostics.cluster_table(result, level=level),
        _contrasts(made),
        replace(StudyImages.of(_checks(stack, refused), stack, made)),
        analysis,
    )


def _contrasts(made: Dataset) -> pd.DataFrame:
    ids = list(made.ids)
    return pd.DataFrame(
        {
            "id": [*ids, "s8-1"],
            "study_id": [*made.metadata["study_id"], "s8"],
            "contrast_id": [*made.metadata["contrast_id"], "1"],
            "included": [*[True] * 8, False],
            "reason": [*[""] * 8, "no varcope image"],
            "sample_size": [*map(float, SIZES), 11.0],
            "images": [*["beta, t, varcope, z"] * 8, "beta"],
        }
    )


def _checks(stack: ImageStack, refused: int) -> pd.DataFrame:
    rows = [
        {"id": name, "kind": kind, "file": f"/somewhere/{name}_{kind}.nii.gz", "accepted": True,
         "level": "accept", "reason": "", "grid": "same", "coverage": 100.0}
        for name in stack.ids
        for kind in ("beta", "varcope")
    ]  # fmt: skip
    rows += [
        {"id": "s8-1", "kind": "varcope", "file": "x.nii.gz", "accepted": False, "level": "reject",
         "reason": "it is 0 everywhere", "grid": "linear", "coverage": 0.0}
    ] * refused  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
