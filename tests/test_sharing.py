"""Results to share: a NIMADS studyset with peaks and maps, and a collection for NeuroVault."""

import csv
import json
from pathlib import Path

import pytest

from nimare_pipeline import derivatives, derivatives_reader, io
from nimare_pipeline.diagnostics import cluster_table
from nimare_pipeline.errors import DataError, NoInputError, OutputError, UsageError
from nimare_pipeline.io import nimads
from nimare_pipeline.settings import Analysis, Component, Settings
from nimare_pipeline.sharing import share
from tests import derived
from tests.pairs import cohort, make_pair

Z = [4.0, 4.5, 3.5, 0.5, 0.2, 0.1]
FWE = [0.01, 0.001, 0.04, 0.5, 0.6, 0.9]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Derivatives of two analyses; the second has nothing significant."""
    out = tmp_path_factory.mktemp("share") / "out"
    derived.write(out, "pain", derived.made_result(Z, voxel=FWE, size=FWE))
    return derived.write(out, "touch", derived.made_result([0.1] * 6, voxel=[0.9] * 6))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "images.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_peaks_are_points_with_their_values(results: Path, tmp_path: Path) -> None:
    """The rows of the table of clusters, to the last digit, as points of the analysis."""
    shared = share(results, tmp_path / "set", "nimads")
    (record, _) = derivatives_reader.read(results).analyses
    studies = json.loads((tmp_path / "set" / "studyset.json").read_text())["studies"]
    (pain, touch) = studies[0]["analyses"]
    assert (shared.analyses, shared.n_peaks) == (("pain", "touch"), len(record.clusters))
    assert (pain["id"], touch["id"], touch["points"]) == ("pain", "touch", [])
    assert [point["coordinates"] for point in pain["points"]] == (
        record.clusters[["x", "y", "z"]].to_numpy().tolist()
    )
    values = {value["kind"]: value["value"] for value in pain["points"][0]["values"]}
    first = record.clusters.iloc[0]
    assert (values["z_stat"], values["n_voxels"]) == (first["z_stat"], first["n_voxels"])
    assert values["p_voxel_fwe"] == first["p_voxel_fwe"]
    assert "p_tfce_fwe" not in values
    assert pain["metadata"]["number_of_contrasts"] == 20
    assert pain["metadata"]["software"].startswith("nimare-pipeline ")


def test_maps_are_images_that_are_there(results: Path, tmp_path: Path) -> None:
    """Each map of the derivatives, the same bytes; the first z of an analysis is its z image."""
    share(results, tmp_path / "set", "nimads")
    contrasts, _ = nimads.read(tmp_path / "set" / "studyset.json")
    kept = derivatives_reader.read(results).analyses[0]
    spec = next(s for s in kept.maps if s.name == "z")
    assert (tmp_path / "set" / contrasts[0].images["z"]).read_bytes() == (
        kept.maps[spec].read_bytes()
    )
    paths = [path for kind, path in contrasts[0].images.items() if kind != "space"]
    assert len(paths) == len(set(paths)) == len(kept.maps) + 1
    assert all((tmp_path / "set" / path).is_file() for path in paths)


def test_the_studyset_is_input(results: Path, tmp_path: Path) -> None:
    """What was exported can be analysed again: its peaks are foci."""
    share(results, tmp_path / "set", "nimads")
    (source,) = io.read(tmp_path / "set" / "studyset.json")
    assert source.format == "NIMADS studyset"
    assert len(source.dataset.coordinates) > 0


def test_neurovault(results: Path, tmp_path: Path) -> None:
    """A row and a JSON file a map, with the codes of NeuroVault's API."""
    shared = share(results, tmp_path / "nv", "neurovault")
    found = rows(tmp_path / "nv")
    assert len(found) == shared.n_maps
    assert {row["analysis_level"] for row in found} == {"M"}
    assert {row["target_template_image"] for row in found} == {"GenericMNI"}
    assert {row["modality"] for row in found} == {"Other"}
    kinds = {row["file"].split("_stat-")[1].split("_")[0]: row["map_type"] for row in found}
    assert kinds == {"z": "Z", "p": "P", "logp": "Other", "ale": "Other"}
    assert [row["is_thresholded"] for row in found].count("true") == 2
    assert all("Thresholded" in row["file"] for row in found if row["is_thresholded"] == "true")
    assert len({row["name"] for row in found}) == len(found)
    assert max(len(row["name"]) for row in found) <= 200
    for row in found:
        about = json.loads((tmp_path / "nv" / row["file"].replace(".nii.gz", ".json")).read_text())
        assert (tmp_path / "nv" / about["file"]).is_file()
        assert about["is_thresholded"] is (row["is_thresholded"] == "true")
        assert {"name", "map_type", "modality", "number_of_contrasts"} <= set(about)
    collection = json.loads((tmp_path / "nv" / "collection.json").read_text())
    assert set(collection) == {"name", "description"}


@pytest.mark.parametrize("form", ["nimads", "neurovault"])
def test_descriptions_name_authors(results: Path, tmp_path: Path, form: str) -> None:
    """Keys of a BibTeX file that stays behind would tell nobody what is cited."""
    record = next(results.glob("tpl-*/cohort-pain/*_analysis.json"))
    kept = record.read_text()
    sidecar = {**json.loads(kept), "Description": "By ALE (eickhoff2009; phipson2010) (in 2012)."}
    record.write_text(json.dumps(sidecar))
    share(results, tmp_path / "x", form)
    record.write_text(kept)
    file = "studyset.json" if form == "nimads" else "collection.json"
    text = (tmp_path / "x" / file).read_text()
    assert "By ALE (Eickhoff et al., 2009; Phipson & Smyth, 2010) (in 2012)." in text


def test_some_analyses(results: Path, tmp_path: Path) -> None:
    """Only those that are named."""
    assert share(results, tmp_path / "a", "nimads", analyses=["touch"]).analyses == ("touch",)
    with pytest.raises(UsageError, match=r"no analysis 'tuch' in .*; there are: pain, touch"):
        share(results, tmp_path / "b", "nimads", analyses=["tuch"])


def test_what_is_there_is_not_overwritten(results: Path, tmp_path: Path) -> None:
    """Other people's folders never, our own when it is asked for."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").write_text("mine")
    with pytest.raises(OutputError, match="holds what was not written here; give a new or an"):
        share(results, tmp_path / "mine", "nimads", overwrite=True)
    share(results, tmp_path / "out", "neurovault")
    with pytest.raises(OutputError, match="is there already; --overwrite replaces it"):
        share(results, tmp_path / "out", "nimads")
    share(results, tmp_path / "out", "nimads", overwrite=True)
    assert not (tmp_path / "out" / "images.tsv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]


def test_nothing_to_share(tmp_path: Path) -> None:
    """A folder without results, and an unknown form."""
    (tmp_path / "in").mkdir()
    with pytest.raises(NoInputError, match=r"no results of an analysis in .*give the OUT_DIR"):
        share(tmp_path / "in", tmp_path / "out", "nimads")
    with pytest.raises(UsageError, match="shared as nimads or neurovault, not as 'nidm'"):
        share(tmp_path / "in", tmp_path / "out", "nidm")


def test_results_that_are_damaged(tmp_path: Path) -> None:
    """A map that is gone is told and left out; if all are, nothing is written."""
    out = derived.write(tmp_path / "out", "pain", derived.made_result(Z, voxel=FWE))
    maps = derivatives_reader.read(out).analyses[0].maps
    whole = share(out, tmp_path / "a", "neurovault")
    next(iter(maps.values())).unlink()
    shared = share(out, tmp_path / "b", "neurovault")
    assert shared.n_maps == whole.n_maps - 1
    assert any("is missing" in str(problem) for problem in shared.problems)
    for path in out.glob("tpl-*/cohort-*/*statmap.nii.gz"):
        path.unlink()
    with pytest.raises(DataError, match="no maps in the results of pain"):
        share(out, tmp_path / "c", "neurovault")
    assert not (tmp_path / "c").exists()


def test_comparison_of_two_groups(tmp_path: Path) -> None:
    """The direction of a cluster is a value of its peak, and maps are named by their group."""
    contrasts, coordinates = cohort()
    result = make_pair()
    derivatives.write_analysis(
        tmp_path / "stage",
        analysis=Analysis("pair", "pair", Component("ALESubtraction")),
        settings=Settings(str(tmp_path), str(tmp_path / "out"), "", "run"),
        cohort_contrasts=contrasts,
        cohort_coordinates=coordinates,
        result=result,
        clusters=cluster_table(result, foci=coordinates),
    )
    derivatives.swap_in(tmp_path / "stage", tmp_path / "out", "pair")
    share(tmp_path / "out", tmp_path / "set", "nimads")
    (found,), _ = nimads.read(tmp_path / "set" / "studyset.json")
    assert set(found.values["direction"]) == {"pain > touch", "touch > pain"}
    assert len(found.values["direction"]) == len(found.xyz)
    assert "z_desc-group1MinusGroup2" in found.images
