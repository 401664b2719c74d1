"""A small analysis on an ellipsoid of 4 mm voxels, as a result and as derivatives."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nimare_pipeline import derivatives, diagnostics
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import Problem
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.results import MetaResult
from nimare_pipeline.settings import Analysis, Component, Settings

HOSTILE = "<script>alert('x')</script> & \"quoted\" [@eickhoff2012] {{ 7 * 7 }} ]]>"
N_ITERS = 99


@dataclass(frozen=True)
class Small:
    """What the pieces of the report are made from."""

    result: MetaResult
    contrasts: pd.DataFrame
    coordinates: pd.DataFrame
    clusters: diagnostics.ClusterTable


def ellipsoid() -> BrainMask:
    """Voxels of 4 mm within an ellipsoid of the size of a brain."""
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -72, -104, -68
    xyz = np.moveaxis(np.indices((37, 45, 37)), 0, -1) * 4.0 + affine[:3, 3]
    inside = (((xyz - [0, -18, 4]) / [66, 82, 62]) ** 2).sum(axis=-1) < 1
    return BrainMask(inside, affine, "ellipsoid")


def specs() -> dict[str, MapSpec]:
    """Uncorrected and cluster-size corrected maps."""
    plain = [MapSpec(name) for name in ("stat", "z", "p", "logp")]
    options = {"correction": "FWE", "method": "montecarlo"}
    corrected = [
        MapSpec(name, **options, **level)
        for name in ("z", "p", "logp")
        for level in (
            {"level": "voxel"},
            {"level": "cluster", "measure": "size"},
            {"level": "cluster", "measure": "mass"},
        )
    ]
    return {spec.name: spec for spec in [*plain, *corrected]}


@pytest.fixture(scope="session")
def small() -> Small:
    """Two blobs, the larger significant; 20 experiments, one of them excluded; 2 foci outside."""
    mask = ellipsoid()
    xyz = np.argwhere(mask.inside) * 4.0 + mask.affine[:3, 3]
    big = np.exp(-((xyz - [36, 4, 0]) ** 2).sum(axis=1) / 200)
    little = 0.6 * np.exp(-((xyz - [-36, -60, -28]) ** 2).sum(axis=1) / 40)
    stat = 0.04 * np.maximum(big, little)
    z = 150 * stat
    above = stat >= 0.0206
    labels = mask.volume(above.astype(int))
    p_size = np.where(above & (xyz[:, 0] > 0), 0.01, np.where(above, 0.4, 1.0))
    assert labels.sum() > 0
    values = {"stat": stat, "z": z, "p": 10.0**-z, "logp": z}
    maps = {
        name: values[spec.statistic]
        if spec.correction is None
        else {"p": p_size, "logp": -np.log10(p_size), "z": 2 * (p_size < 1)}[spec.statistic]
        for name, spec in specs().items()
    }
    rng = np.random.default_rng(0)
    grid = np.linspace(0, 0.05, 501)
    result = MetaResult(
        estimator=Component("ALE", {"null_method": "approximate"}),
        mask=mask,
        maps=maps,
        specs=specs(),
        arrays={
            "null_stat": grid,
            "null_logsf": -grid * 335,
            "suprathreshold": above,
            "montecarlo_max_stat": rng.normal(0.02, 0.002, N_ITERS),
            "montecarlo_max_size": rng.integers(1, 20, N_ITERS),
            "montecarlo_max_mass": rng.gamma(2, 0.01, N_ITERS),
        },
        facts={
            "n_studies": 18,
            "n_contrasts": 19,
            "n_participants": 1234,
            "n_studies_with_n": 17,
            "n_contrasts_without_n": 1,
            "n_foci": 57,
            "n_foci_outside": 2,
            "n_voxels": mask.n_voxels,
            "voxel_size_mm": [4.0, 4.0, 4.0],
            "fwhm_mm": {"min": 8.5, "median": 9.25, "max": 11.75},
            "voxelization": "exact",
            "null_method": "approximate",
            "connectivity": "faces",
            "cluster_forming": {"p": 0.001, "statistic": 0.0206, "achieved_p": 0.00099},
            "montecarlo": {
                "n_iters": N_ITERS,
                "seed": 4711,
                "null_outside": "distance",
                "n_drawn_outside": 2,
                "thresholds": {
                    "voxel": {"0.05": 0.0235, "0.01": 0.025, "0.001": None},
                    "size_voxels": {"0.05": 18.0, "0.01": 19.0, "0.001": None},
                    "mass": {"0.05": 0.051, "0.01": 0.07, "0.001": None},
                },
            },
        },
    )
    contrasts, coordinates = _cohort(xyz, rng)
    clusters = diagnostics.cluster_table(result, foci=coordinates)
    return Small(result, contrasts, coordinates, clusters)


def _cohort(xyz: np.ndarray, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = [f"study{i:02d}-1" for i in range(20)]
    contrasts = pd.DataFrame(
        {
            "id": ids,
            "study_id": [i.split("-")[0] for i in ids],
            "contrast_id": "1",
            "included": [True] * 19 + [False],
            "reason": [""] * 19 + ["no foci"],
            "sample_size": [float(n) for n in range(10, 30)],
            "n_foci": [3] * 19 + [0],
            "n_foci_inside": [2, 2, *[3] * 17, 0],
            "n_foci_outside": [1, 1, *[0] * 18],
            "original_space": ["TAL", "TAL", *["MNI"] * 18],
            "space_transform": ["tal2mni-other", "tal2mni-other", *["none"] * 18],
        }
    )
    foci = xyz[rng.integers(0, len(xyz), 57)]
    foci[[0, 3]] = [[0, 0, 90], [80, 0, 0]]
    foci[6:12] = [[36, 4, 0]]
    owner = np.repeat(ids[:19], 3)
    coordinates = pd.DataFrame(
        {
            "id": owner,
            "study_id": [i.split("-")[0] for i in owner],
            "contrast_id": "1",
            **{axis: foci[:, i] for i, axis in enumerate("xyz")},
            "original_space": "MNI",
            "inside": [i not in {0, 3} for i in range(57)],
            "used": True,
        }
    )
    return contrasts, coordinates


@pytest.fixture
def nothing(small: Small) -> Small:
    """The same without any significant cluster."""
    table = small.clusters
    none = diagnostics.ClusterTable(table.clusters.iloc[:0], np.zeros_like(table.label_map))
    return replace(small, clusters=none)


@pytest.fixture(scope="session")
def drawn(small: Small, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All figures of the small analysis."""
    from nimare_pipeline.reports.figures import draw_all

    return draw_all(
        small.result,
        contrasts=small.contrasts,
        coordinates=small.coordinates,
        labels=small.clusters.label_map,
        out_dir=tmp_path_factory.mktemp("figures"),
    )


@pytest.fixture
def write(tmp_path: Path, drawn: dict[str, Path]) -> Callable[..., Path]:
    """Function that writes derivatives of a Small, and of the run that made them."""
    return writer_into(tmp_path, drawn["foci"].parent)


def writer_into(folder: Path, figures_dir: Path | None = None) -> Callable[..., Path]:
    """Make a function that writes derivatives into ``out`` in a folder."""
    output = folder / "out"
    settings = Settings(
        bids_dir=str(folder),
        output_dir=str(output),
        work_dir=str(folder / "work"),
        run_uuid="20260101-120000_abc",
        command=("nimare-pipeline", "my data", "out", "meta"),
    )

    def writer(
        pieces: Small,
        name: str = "pain",
        problems: tuple[Problem, ...] = (),
        status: dict[str, Any] | None = None,
        **options: Any,
    ) -> Path:
        analysis = Analysis(name, **options)
        stage = folder / f"stage-{name}"
        derivatives.write_analysis(
            stage,
            analysis=analysis,
            settings=settings,
            cohort_contrasts=pieces.contrasts,
            cohort_coordinates=pieces.coordinates,
            result=pieces.result,
            clusters=pieces.clusters,
            figures_dir=figures_dir,
        )
        derivatives.write_problems(stage, analysis=analysis, settings=settings, problems=problems)
        output.mkdir(exist_ok=True)
        derivatives.swap_in(stage, output, name)
        derivatives.write_dataset_level(output, settings)
        logs = output / "logs" / settings.run_uuid
        logs.mkdir(parents=True, exist_ok=True)
        derivatives.write_settings(logs / "settings.toml", settings, [analysis])
        known = {"version": "0.1.0", "exit_code": 0, "line": "SUCCESS (exit 0): 1 analysis"}
        record = {**known, **(status or {})}
        (logs / "status.json").write_text(json.dumps(record))
        (logs / "run.log").write_text("12:00:00 INFO started\n")
        return output

    return writer


@pytest.fixture(scope="session")
def analysis() -> dict[str, Any]:
    """Analysis with the defaults, as the derivatives hold it."""
    return asdict(Analysis("pain"))
