"""Images in zip files, and images times a number."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nimare_pipeline import packed
from nimare_pipeline.errors import DataError
from nimare_pipeline.volumes import read_volume
from tests.hostile import zeros
from tests.image_sets import noise, write


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A zip file with an image, packed and not, and something else."""
    image = write(tmp_path / "z.nii", noise(1))
    with zipfile.ZipFile(tmp_path / "a!b.zip", "w") as packing:
        packing.write(image, "p/z.nii")
        packing.writestr("p/z.nii.gz", gzip.compress(image.read_bytes()))
        packing.writestr("text.txt", "x")
        packing.writestr("cut.nii.gz", gzip.compress(image.read_bytes())[:-40])
    return tmp_path / "a!b.zip"


@pytest.mark.parametrize("name", ["p/z.nii", "p/z.nii.gz"])
def test_an_image_in_a_zip_file(archive: Path, name: str) -> None:
    """It is read bit for bit; marks in the name of the file do not confuse."""
    found = packed.inside(packed.member(archive, name))
    assert found == packed.Inside(archive, name)
    assert np.array_equal(read_volume(packed.member(archive, name)).values, noise(1))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("p/no.nii", "there is no p/no.nii in it"),
        ("text.txt", "not an image"),
        ("cut.nii.gz", "cannot be read as an image"),
        ("../z.nii", "there is no ../z.nii in it"),
    ],
)
def test_what_is_no_image(archive: Path, name: str, words: str) -> None:
    """One problem, with the file and what is in it."""
    with pytest.raises(DataError, match=words) as error:
        read_volume(packed.member(archive, name), "study a")
    (problem,) = error.value.problems
    assert (problem.file, problem.where) == (str(packed.member(archive, name)), "study a")


def test_a_bomb(tmp_path: Path) -> None:
    """An image that unpacks to more than any image has is not read to its end."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packing:
        packing.writestr("z.nii.gz", b"".join(zeros(2**30 + 2**24)))
    with pytest.raises(DataError, match=r"more than 1,025 MB when it is unpacked"):
        read_volume(packed.member(tmp_path / "a.zip", "z.nii.gz"))


def test_an_image_times_a_number(tmp_path: Path) -> None:
    """In float64, whatever the file holds: the number is written so that none of it is lost."""
    image = write(tmp_path / "r.nii", noise(1))
    values = read_volume(packed.times(image, 1 / 3)).values
    assert values.dtype == np.float64
    assert np.array_equal(values, noise(1).astype(np.float64) * (1 / 3))


def test_a_file_of_that_name_goes_first(tmp_path: Path) -> None:
    """A mark in the name of a file is only a mark in a name."""
    write(tmp_path / "a.nii", noise(1))
    image = write(tmp_path / "a.nii!x2.0.nii", noise(2))
    assert packed.inside(image) is None
    assert np.array_equal(read_volume(image).values, noise(2))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is missing as any other file."""
    assert packed.inside(tmp_path / "a.zip!z.nii") is None
    assert not packed.exists(tmp_path / "a.zip!z.nii")
    with pytest.raises(DataError, match="no such file"):
        read_volume(tmp_path / "a.zip!z.nii")
