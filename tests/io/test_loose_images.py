"""A folder of nothing but images: read if every name tells all, else it is said what helps."""

from pathlib import Path

import pytest

from nimare_pipeline import io
from nimare_pipeline.cli.commands import init
from nimare_pipeline.errors import DataError
from nimare_pipeline.io.registry import examine
from tests.image_sets import noise, write


def put(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        write(folder / name, noise(len(name)))


def test_names_that_tell_all(tmp_path: Path) -> None:
    """Study, contrast and kind of each; with a warning that names were believed."""
    put(tmp_path, "ada2001_beta.nii.gz", "ada2001_se.nii.gz", "bob2002_zmap.nii.gz")
    (source,) = io.read(tmp_path)
    assert source.name == tmp_path.name
    images = source.dataset.images
    assert images["id"].tolist() == ["ada2001-1", "bob2002-1"]
    assert images["beta__relative"].tolist() == ["ada2001_beta.nii.gz", None]
    assert images["z__relative"].tolist() == [None, "bob2002_zmap.nii.gz"]
    (problem,) = source.problems
    assert problem.message == (
        "no table says what the images are: names of 3 files are read as 2 studies with "
        "beta, se, z"
    )
    assert problem.suggestion.startswith(f"`nimare-pipeline init {tmp_path}` writes the table")


@pytest.mark.parametrize(
    "names",
    [
        ("ada2001_zmap.nii.gz", "group_map.nii.gz"),
        ("a_z.nii.gz", "a_zmap.nii.gz"),
        ("beta.nii.gz", "x.nii.gz"),
    ],
)
def test_names_that_leave_something_open(tmp_path: Path, names: tuple[str, ...]) -> None:
    """One error, with the command that writes the table."""
    put(tmp_path, *names)
    with pytest.raises(DataError, match="names do not tell the study and the kind") as error:
        io.read(tmp_path)
    assert f"`nimare-pipeline init {tmp_path}` writes the table" in str(error.value)
    assert names[1] in str(error.value)


def test_the_table_that_init_writes_is_read(tmp_path: Path) -> None:
    """The way out of the error leads on."""
    put(tmp_path, "ada2001_zmap.nii.gz", "bob2002_t.nii.gz")
    init.run([str(tmp_path)])
    (found,) = examine(tmp_path)[0]
    assert found.format == "table layout (contrasts.tsv, coordinates.tsv)"
    assert [set(one.images) for one in found.contrasts] == [{"z"}, {"t"}]


def test_beside_anything_else_images_are_no_dataset(tmp_path: Path) -> None:
    """They may be masks, or belong to a table."""
    put(tmp_path, "ada2001_zmap.nii.gz")
    (tmp_path / "a.txt").write_text("//Reference=MNI\n//A, 2000: b\n//Subjects=12\n1 2 3\n")
    (source,) = io.read(tmp_path)
    assert source.format == "Sleuth text"
    assert "1 file is in no known format and is left out" in str(source.problems[0])
