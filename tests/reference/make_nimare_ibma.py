"""Make nimare_ibma.npz: maps of image-based estimators as NiMARE 0.22.1 has them.

Run in an environment of its own that holds nimare==0.22.1 and nothing of this package:
``python tests/reference/make_nimare_ibma.py DATASET.json FOLDER OUT.npz``, with the 21 pain
studies whose images are cut to 10x10x10 voxels, and the folder of these images with their
``mask.nii.gz``. Kept is every 29th voxel of the mask: images, sample sizes and maps.
"""

import sys
from pathlib import Path

import numpy as np
from nilearn.masking import apply_mask
from nimare.dataset import Dataset
from nimare.meta import ibma

KINDS = ("beta", "varcope", "z", "t")
STEP = 29
CASES = {
    "DerSimonianLaird": ("DerSimonianLaird", {}),
    "DerSimonianLaird wald": ("DerSimonianLaird", {"small_sample_correction": "wald"}),
    "Hedges": ("Hedges", {}),
    "VarianceBasedLikelihood ml": ("VarianceBasedLikelihood", {"method": "ml"}),
    "VarianceBasedLikelihood reml": ("VarianceBasedLikelihood", {"method": "reml"}),
    "SampleSizeBasedLikelihood ml": ("SampleSizeBasedLikelihood", {"method": "ml"}),
    "SampleSizeBasedLikelihood reml": ("SampleSizeBasedLikelihood", {"method": "reml"}),
    "WeightedLeastSquares": ("WeightedLeastSquares", {}),
    "WeightedLeastSquares tau2": ("WeightedLeastSquares", {"tau2": 0.3}),
    "FixedEffectsHedges": ("FixedEffectsHedges", {}),
    "PermutedOLS": ("PermutedOLS", {}),
    "PermutedOLS weighted": ("PermutedOLS", {"use_sample_size": True}),
    "Stouffers": ("Stouffers", {}),
    "Stouffers weighted": ("Stouffers", {"use_sample_size": True}),
    "Fishers": ("Fishers", {}),
    "Fishers weighted": ("Fishers", {"use_sample_size": True}),
    "Fishers positive": ("Fishers", {"two_sided": False}),
}


def main(dataset_file, folder, out):
    """Write the file."""
    folder = Path(folder)
    mask = folder / "mask.nii.gz"
    dataset = Dataset(dataset_file, target="mni152_2mm", mask=str(mask))
    dataset.update_path(str(folder))
    table = dataset.images.set_index("id")
    have = [name for name in table.index if table.loc[name, list(KINDS)].notna().all()]
    dataset = dataset.slice(have)
    found = {
        kind: np.array([np.ravel(apply_mask(table.loc[name, kind], str(mask))) for name in have])
        for kind in KINDS
    }
    every = slice(None, None, STEP)
    kept = {f"image_{kind}": values[:, every] for kind, values in found.items()}
    kept["sample_sizes"] = np.array(dataset.get_metadata(field="sample_sizes", ids=have)).ravel()
    kept["ids"] = np.array(have)
    for case, (name, keywords) in CASES.items():
        result = getattr(ibma, name)(**keywords).fit(dataset)
        for statistic, values in result.maps.items():
            kept[f"{case}/{statistic}"] = np.asarray(values)[every]
    np.savez_compressed(Path(out), **kept)


if __name__ == "__main__":
    main(*sys.argv[1:])
