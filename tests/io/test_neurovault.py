"""Downloads from NeuroVault: images, and what the site knows of them."""

import json
from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from nimare_pipeline.io.registry import examine
from tests.hostile import bounded, damaged, put, read_or_refused
from tests.image_folders import collection, image_of_neurovault


def only(folder: Path):
    (found,) = examine(folder)[0]
    return found


def test_a_collection(tmp_path: Path) -> None:
    """It is a study; what the site knows of an image are the metadata of its contrast."""
    folder = tmp_path / "neurovault" / "collection_7"
    collection(folder)
    image_of_neurovault(folder, 11, name="Faces > houses")
    image_of_neurovault(folder, 12, name="Houses", map_type="T map", number_of_subjects=31)
    found, problems = examine(tmp_path)
    one, other = found[0].contrasts
    assert (one.id, other.id) == ("collection7-11", "collection7-12")
    assert (one.sample_sizes, other.sample_sizes) == ((20,), (31,))
    assert one.images == {"z": "neurovault/collection_7/image_11.nii.gz"}
    assert set(other.images) == {"t"}
    wanted = {
        "contrast_name": "Faces > houses",
        "map_type": "Z map",
        "analysis_level": "group",
        "is_thresholded": False,
        "not_mni": False,
        "brain_coverage": 91.5,
        "target_template_image": "GenericMNI",
        "title": "Faces",
        "doi": "10.1/x",
    }
    assert wanted.items() <= dict(one.metadata).items()
    assert (found[0].problems, problems) == ((), [])


def test_images_of_one_contrast(tmp_path: Path) -> None:
    """Names that differ in the word for the kind only bring them together."""
    kinds = {"T map": "T", "univariate-beta map": "beta", "variance": "varcope", "Z map": "zstat"}
    for number, (kind, word) in enumerate(kinds.items(), 11):
        image_of_neurovault(tmp_path, number, name=f"Faces > houses {word}", map_type=kind)
    image_of_neurovault(tmp_path, 20, name="Faces > tools T", map_type="T")
    one, other = only(tmp_path).contrasts
    assert (one.contrast_id, set(one.images)) == ("11", {"t", "beta", "varcope", "z"})
    assert (other.contrast_id, set(other.images)) == ("20", {"t"})


def test_numbered_files_of_fsl(tmp_path: Path) -> None:
    """``cope2`` belongs to ``varcope2``, not to ``varcope1``."""
    for number, name in enumerate(("cope1", "varcope1", "cope2", "varcope2"), 1):
        kind = "variance" if name[0] == "v" else "univariate-beta map"
        image_of_neurovault(tmp_path, number, name=name, map_type=kind)
    assert [set(one.images) for one in only(tmp_path).contrasts] == [{"beta", "varcope"}] * 2


def test_images_that_only_seem_to_belong_together(tmp_path: Path) -> None:
    """Of other people, or twice the same kind: each is a contrast."""
    image_of_neurovault(tmp_path, 1, name="pain", map_type="T map")
    image_of_neurovault(
        tmp_path, 2, name="pain beta", map_type="univariate-beta map", number_of_subjects=9
    )
    image_of_neurovault(tmp_path, 3, name="heat t", map_type="T map")
    image_of_neurovault(tmp_path, 4, name="heat tmap", map_type="T map")
    assert [one.contrast_id for one in only(tmp_path).contrasts] == ["1", "2", "3", "4"]


def test_kinds_that_are_not_analysed(tmp_path: Path) -> None:
    """They are contrasts that no analysis uses, with the reason, and a warning of what is read."""
    image_of_neurovault(tmp_path, 1)
    image_of_neurovault(tmp_path, 2, map_type="F map")
    image_of_neurovault(tmp_path, 3, map_type=None)
    image_of_neurovault(tmp_path, 4, map_type='1-P map ("inverted" probability)')
    found = only(tmp_path)
    assert [bool(one.images) for one in found.contrasts] == [True, False, False, False]
    assert found.contrasts[1].metadata["include"] is False
    assert found.contrasts[1].metadata["include_reason"] == "no map that is analysed: F map"
    (problem,) = found.problems
    assert "3 images of collection7: maps of the type F map, None, 1-P map" in str(problem)
    assert problem.suggestion == "T, Z, P, univariate-beta and variance maps are read"


def test_answers_of_the_api(tmp_path: Path) -> None:
    """A list of images, paged or not, beside the files under the names they have on the site."""
    image_of_neurovault(tmp_path, 11)
    about = json.loads((tmp_path / "image_11_metadata.json").read_text())
    (tmp_path / "image_11_metadata.json").unlink()
    (tmp_path / "image_11.nii.gz").rename(tmp_path / "map11.nii.gz")
    for answer in ({"count": 1, "results": [about]}, [about], about):
        (tmp_path / "images.json").write_text(json.dumps(answer))
        found, problems = examine(tmp_path)
        assert [dict(one.images) for one in found[0].contrasts] == [{"z": "map11.nii.gz"}]
        assert problems == []


def test_two_collections(tmp_path: Path) -> None:
    """They are two studies of one dataset."""
    image_of_neurovault(tmp_path / "collection_7", 1)
    image_of_neurovault(tmp_path / "collection_8", 2, collection_id=8)
    assert [one.study_id for one in only(tmp_path).contrasts] == ["collection7", "collection8"]


def test_a_table_beside_goes_first(tmp_path: Path) -> None:
    """As ``fetch neurovault`` writes one, which people may have corrected."""
    image_of_neurovault(tmp_path, 1)
    text = "study_id\tcontrast_id\tz_map\nada\t1\timage_1.nii.gz\n"
    (tmp_path / "contrasts.tsv").write_text(text)
    found, problems = examine(tmp_path)
    assert [one.id for one in found[0].contrasts] == ["ada-1"]
    assert problems == []


def test_missing_files(tmp_path: Path) -> None:
    """They are one warning; a link without content is there, and the image is told of later."""
    image_of_neurovault(tmp_path, 1)
    image_of_neurovault(tmp_path, 2)
    (tmp_path / "image_1.nii.gz").unlink()
    (tmp_path / "image_2.nii.gz").unlink()
    (tmp_path / "image_2.nii.gz").symlink_to(".git/annex/objects/x/y.nii.gz")
    (problem,) = only(tmp_path).problems
    assert "1 image file not there: image_1.nii.gz (download the collection again)" in str(problem)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[1, 2]", "expected what NeuroVault knows of images"),
        (b"/annex/objects/MD5E-s1--a.json\n", "run: datalad get"),
        (b"[" * 100_000, "not JSON|nested"),
    ],
)
def test_a_broken_file(tmp_path: Path, body: bytes, words: str) -> None:
    """One problem, with the file."""
    image_of_neurovault(tmp_path, 1)
    (tmp_path / "image_2_metadata.json").write_bytes(body)
    with pytest.raises(DataError, match=words) as error:
        io.read(tmp_path)
    assert [problem.file for problem in error.value.problems] == ["image_2_metadata.json"]


def test_values_of_other_types(tmp_path: Path) -> None:
    """What people wrote into the site is anything."""
    image_of_neurovault(
        tmp_path, 1, name=7, file=None, number_of_subjects="many", collection_id=[], collection={},
        brain_coverage={"a": 1}, map_type="Z map", is_thresholded="?", relative_path="../../../x",
    )  # fmt: skip
    (one,) = only(tmp_path).contrasts
    assert (one.sample_sizes, one.images) == ((), {"z": "image_1.nii.gz"})


def test_damaged_json(tmp_path: Path) -> None:
    """Whatever stands in the file of an image: it is read, or refused in words."""
    from hypothesis import given

    image_of_neurovault(tmp_path / "a", 1)
    body = (tmp_path / "a" / "image_1_metadata.json").read_bytes()

    @bounded(150)
    @given(damaged(body))
    def check(changed: bytes) -> None:
        folder = put(tmp_path / "b", {"image_1_metadata.json": changed})
        read_or_refused(lambda: io.read(folder), folder=folder)

    check()
