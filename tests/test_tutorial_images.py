"""The image part of the tutorial runs as it is written there, with the name of our package."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn import reporting

import nimare_pipeline
from nimare_pipeline.generate import Blob, create_image_dataset
from tests.images import box


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Dataset with beta, se and t of every study; z and varcope are to be made."""
    dataset, _ = create_image_dataset(
        tmp_path_factory.mktemp("images"),
        n_studies=9,
        blobs=[Blob((-2.0, 14.0, 40.0), 1.2, 8.0)],
        kinds=("beta", "se", "t"),
        mask=box(),
        seed=3,
    )
    return dataset


def test_image_part_of_the_tutorial(studies, tmp_path):
    """Missing images are made, two estimators fitted, one corrected and its clusters listed."""
    pain_dset = studies
    # Calculate missing images
    z_transformer = nimare_pipeline.transforms.ImageTransformer(target="z", overwrite=False)
    pain_dset = z_transformer.transform(pain_dset)
    varcope_transformer = nimare_pipeline.transforms.ImageTransformer(
        target="varcope", overwrite=False
    )
    pain_dset = varcope_transformer.transform(pain_dset)
    assert pain_dset.images[["z", "varcope"]].notna().all().all()
    assert all(Path(path).exists() for path in pain_dset.images["varcope"])

    meta = nimare_pipeline.meta.ibma.DerSimonianLaird()
    meta_results = meta.fit(pain_dset)
    image = meta_results.get_map("z")
    assert isinstance(image, nib.Nifti1Image)
    assert image.shape == box().shape

    meta = nimare_pipeline.meta.ibma.PermutedOLS()
    meta_results = meta.fit(pain_dset)
    mc_corrector = nimare_pipeline.correct.FWECorrector(method="montecarlo", n_iters=100)
    mc_results = mc_corrector.transform(meta_results)
    name = "z_level-voxel_corr-FWE_method-montecarlo"
    assert name in mc_results.maps
    # Report a standard cluster table for the meta-analytic map using a threshold of p<0.05
    table = reporting.get_clusters_table(
        mc_results.get_map(name), stat_threshold=1.65, cluster_threshold=0
    )
    assert len(table) > 0
    assert np.abs(table[["X", "Y", "Z"]].to_numpy(dtype=float)[0] - (-2, 14, 40)).max() <= 8
    written = mc_results.save_maps(output_dir=tmp_path, prefix="pain")
    assert tmp_path / f"pain_{name}.nii.gz" in written
