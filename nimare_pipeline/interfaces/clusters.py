"""Clusters of a corrected result."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, File, TraitedSpec, traits

from nimare_pipeline import defaults
from nimare_pipeline.interfaces.base import PipelineInterface
from nimare_pipeline.interfaces.records import read_frame, write_frame


class _ClusterTableInputSpec(BaseInterfaceInputSpec):
    result_file = File(exists=True, mandatory=True, desc="corrected result, npz")
    coordinates_file = File(exists=True, mandatory=True, desc="table of foci; x, y, z in mm")
    alpha = traits.Float(defaults.ALPHA, usedefault=True, desc="level of the corrected inference")
    level = traits.Enum(
        "size",
        "mass",
        "voxel",
        "tfce",
        "none",
        usedefault=True,
        desc="what makes a cluster significant",
    )


class _ClusterTableOutputSpec(TraitedSpec):
    clusters_file = File(exists=True, desc="table of clusters and peaks; mm and mm3")
    label_file = File(exists=True, desc="number of the cluster of each voxel of the mask, npz")


class ClusterTable(PipelineInterface):
    """Tabulate the significant clusters of a result."""

    input_spec = _ClusterTableInputSpec
    output_spec = _ClusterTableOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from nimare_pipeline.diagnostics import cluster_table
        from nimare_pipeline.results import MetaResult
        from nimare_pipeline.store import write_arrays

        found = cluster_table(
            MetaResult.load(self.inputs.result_file),
            alpha=self.inputs.alpha,
            level=self.inputs.level,
            foci=read_frame(self.inputs.coordinates_file),
        )
        folder = Path(runtime.cwd)
        labels = write_arrays(folder / "labels.npz", {"labels": found.label_map})
        self._results = {
            "clusters_file": str(write_frame(folder / "clusters.npz", found.clusters)),
            "label_file": str(labels),
        }
        return runtime
