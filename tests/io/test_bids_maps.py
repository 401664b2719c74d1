"""Group results as BIDS derivatives, under the names that FitLins, nilearn and HALFpipe give."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from bids.layout import parse_file_entities
from nilearn.glm import save_glm_to_bids
from nilearn.glm.second_level import SecondLevelModel

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import _bids_maps
from nimare_pipeline.io.registry import examine
from nimare_pipeline.volumes import read_volume
from tests.image_sets import noise, write

CONFIG = Path(io.__file__).parents[1] / "data" / "pybids_config.json"


def put(root: Path, *names: str, description: bool = True) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write(root / name, noise(len(name)))
    if description:
        about = {
            "Name": "x",
            "BIDSVersion": "1.9.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "FitLins"}],
        }
        (root / "dataset_description.json").write_text(json.dumps(about))


def only(folder: Path) -> Any:
    (found,) = examine(folder)[0]
    return found


def test_fitlins(tmp_path: Path) -> None:
    """Effect and variance of a contrast, in the folder of a node."""
    node = "node-dataLevel"
    put(
        tmp_path / "ada",
        *(
            f"{node}/contrast-{contrast}_stat-{kind}_statmap.nii.gz"
            for contrast in ("faces", "houses")
            for kind in ("effect", "variance", "t", "z", "p", "dof")
        ),
    )
    found, problems = examine(tmp_path)
    one, two = found[0].contrasts
    assert (one.id, two.id) == ("ada-faces", "ada-houses")
    assert set(one.images) == {"beta", "varcope", "t", "z", "p"}
    at = f"ada/{node}/contrast-faces_stat-effect_statmap.nii.gz"
    assert (one.images["beta"], one.metadata["node"]) == (at, "dataLevel")
    assert (found[0].problems, problems) == ((), [])


def test_nilearn(tmp_path: Path) -> None:
    """What ``save_glm_to_bids`` writes for a second level, with what lies beside it."""
    put(
        tmp_path,
        *(f"group/contrast-a_stat-{k}_statmap.nii.gz" for k in ("z", "t", "p", "effect")),
        "group/contrast-a_stat-variance_statmap.nii.gz",
        "group/stat-rsquared_statmap.nii.gz",
        "group/stat-errorts_statmap.nii.gz",
    )
    (tmp_path / "group" / "statmap.json").write_text('{"GroupLevel": true}')
    for name in ("contrast-a_design.png", "design.tsv", "report.html", "contrast-a_clusters.tsv"):
        (tmp_path / "group" / name).write_text("x")
    found, problems = examine(tmp_path)
    (one,) = found[0].contrasts
    assert (one.id, set(one.images)) == (f"{tmp_path.name}-a", {"z", "t", "p", "beta", "varcope"})
    assert (found[0].problems, problems) == ((), [])


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the clusters in its report
def test_nilearn_itself(tmp_path: Path) -> None:
    """A folder that nilearn has written is read whole; that it has no Name is a warning."""
    rng = np.random.default_rng(1)
    affine = np.diag([4.0, 4, 4, 1])
    images = [nib.Nifti1Image(rng.normal(4, 1, (5, 5, 5)), affine) for _ in range(8)]
    model = SecondLevelModel(
        mask_img=nib.Nifti1Image(np.ones((5, 5, 5), "u1"), affine), minimize_memory=False
    ).fit(images, design_matrix=pd.DataFrame({"intercept": np.ones(8)}))
    save_glm_to_bids(model, contrasts={"pain": "intercept"}, out_dir=tmp_path / "ada")
    found, problems = examine(tmp_path / "ada")
    (one,) = found[0].contrasts
    assert (one.id, set(one.images)) == ("ada-pain", {"z", "t", "p", "beta", "varcope"})
    expected = model.compute_contrast("intercept", output_type="effect_variance").get_fdata()
    values = read_volume(tmp_path / "ada" / one.images["varcope"]).values
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert [(one.level, one.message) for one in problems] == [("warning", "has no Name")]


def test_halfpipe(tmp_path: Path) -> None:
    """Contrasts of one label are told apart by the entities that differ."""
    names = [
        f"grouplevel/model-m1/task-rest_feature-{seed}_model-m1_contrast-intercept_"
        f"stat-{kind}_statmap.nii.gz"
        for seed in ("dmn", "salience")
        for kind in ("effect", "variance", "z", "dof")
    ]
    put(tmp_path / "ada", *names)
    (tmp_path / "ada" / names[0].replace(".nii.gz", ".json")).write_text(
        '{"SampleSize": 33, "DegreesOfFreedom": 32}'
    )
    one, two = only(tmp_path).contrasts
    assert (one.id, two.id) == ("ada-dmn_intercept", "ada-salience_intercept")
    assert (one.sample_sizes, one.metadata["dof"], two.sample_sizes) == ((33,), 32, ())


def test_several_datasets_are_several_studies(tmp_path: Path) -> None:
    """Whether each describes itself, or they only lie in folders of their own."""
    for study in ("ada", "bob"):
        put(tmp_path / study, "group/contrast-a_stat-z_statmap.nii.gz", description=study == "ada")
    put(tmp_path, description=True)
    assert [one.id for one in only(tmp_path).contrasts] == ["ada-a", "bob-a"]


def test_a_dataset_whose_folders_are_studies(tmp_path: Path) -> None:
    """One description above, and the same image in two folders below it."""
    for study in ("ada", "bob"):
        put(tmp_path, f"{study}/group/contrast-a_stat-z_statmap.nii.gz")
    assert [one.id for one in only(tmp_path).contrasts] == ["ada-a", "bob-a"]


def test_single_persons_are_left_out(tmp_path: Path) -> None:
    """With their number."""
    put(
        tmp_path,
        "group/contrast-a_stat-z_statmap.nii.gz",
        "sub-01/sub-01_contrast-a_stat-z_statmap.nii.gz",
        "node-subjectLevel/sub-02/sub-02_contrast-a_stat-effect_statmap.nii.gz",
    )
    found = only(tmp_path)
    assert len(found.contrasts) == 1
    assert "2 images of single persons (sub-) left out" in str(found.problems[0])


def test_unknown_statistics(tmp_path: Path) -> None:
    """A warning says what is read."""
    put(tmp_path, *(f"group/contrast-a_stat-{kind}_statmap.nii.gz" for kind in ("z", "bayes")))
    (problem,) = only(tmp_path).problems
    assert "1 image of unknown statistics left out: stat-bayes" in str(problem)
    assert "read are stat-z, t, p, se" in problem.suggestion


def test_spaces(tmp_path: Path) -> None:
    """Images in the space of a person are marked."""
    put(tmp_path, "g/contrast-a_space-T1w_stat-z_statmap.nii.gz")
    put(tmp_path, "g/contrast-b_space-MNI152NLin2009cAsym_res-2_stat-z_statmap.nii.gz")
    one, two = only(tmp_path).contrasts
    assert (one.metadata.get("not_mni"), two.metadata.get("not_mni")) == (True, None)
    assert two.metadata["image_space"] == "MNI152NLin2009cAsym"


def test_links_without_content(tmp_path: Path) -> None:
    """They belong to their contrasts; a sidecar is enough to find them."""
    at = tmp_path / "ada" / "group"
    at.mkdir(parents=True)
    (at / "contrast-a_stat-z_statmap.nii.gz").symlink_to("../.git/annex/objects/x.nii.gz")
    (at / "contrast-a_stat-z_statmap.json").write_text("{}")
    (one,) = only(tmp_path).contrasts
    assert one.images == {"z": "ada/group/contrast-a_stat-z_statmap.nii.gz"}


def test_a_broken_sidecar(tmp_path: Path) -> None:
    """One problem, with the file."""
    put(tmp_path, "group/contrast-a_stat-z_statmap.nii.gz")
    (tmp_path / "group" / "contrast-a_stat-z_statmap.json").write_text("{")
    with pytest.raises(DataError, match="not JSON") as error:
        io.read(tmp_path)
    (problem,) = error.value.problems
    assert problem.file == "group/contrast-a_stat-z_statmap.json"


@pytest.mark.parametrize(
    "name",
    [
        "node-dataLevel/contrast-faces_stat-effect_statmap.nii.gz",
        "group/task-nback_contrast-2back_stat-z_statmap.nii.gz",
        "grouplevel/task-rest_model-m1_contrast-age_space-MNI152NLin6Asym_stat-t_statmap.nii",
    ],
)
def test_names_are_read_as_pybids_reads_them(name: str) -> None:
    """Contrast, statistic, task and space of a name are those of our configuration of pybids."""
    pybids = parse_file_entities(f"/{name}", config=[str(CONFIG)])
    ours = _bids_maps._map(Path("/", name))
    assert ours.stat == pybids["stat"]
    for entity in ("contrast", "task", "space"):
        assert ours.entities.get(entity) == pybids.get(entity)
