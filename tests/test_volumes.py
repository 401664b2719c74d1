"""Files of images, whole and broken: read, or one problem that says what is wrong."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nimare_pipeline.errors import DataError, Problem
from nimare_pipeline.volumes import read_volume
from tests.image_sets import AFFINE, SHAPE, noise, write

WHERE = "study ada, contrast 1, z image"


def problem_of(path: Path) -> Problem:
    """The one problem of a file that cannot be read."""
    with pytest.raises(DataError) as caught:
        read_volume(path, WHERE)
    (problem,) = caught.value.problems
    assert (problem.level, problem.file, problem.where) == ("error", str(path), WHERE)
    return problem


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img", "a.mgz"])
def test_formats(tmp_path: Path, name: str) -> None:
    """NIfTI, packed or not, in one file or two, and MGH give their voxels and affine."""
    values = noise()
    kind = {"a.img": nib.Nifti1Pair, "a.mgz": nib.MGHImage}.get(name, nib.Nifti1Image)
    nib.save(kind(values, AFFINE), tmp_path / name)
    volume = read_volume(tmp_path / name)
    np.testing.assert_array_equal(volume.values, values)
    np.testing.assert_allclose(volume.affine, AFFINE)


def test_nifti2(tmp_path: Path) -> None:
    """NIfTI-2 is read."""
    nib.save(nib.Nifti2Image(noise(), AFFINE), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz").values, noise())


def scaled(path: Path, values: np.ndarray) -> Path:
    """Values as whole numbers with slope and intercept, as nibabel writes them into int16."""
    image = nib.Nifti1Image(values, AFFINE)
    image.set_data_dtype(np.int16)
    nib.save(image, path)
    return path


def test_background_of_scaled_numbers_is_0(tmp_path: Path) -> None:
    """An intercept moves zeros off 0, where they would count as values of the study."""
    values = np.where(np.indices(SHAPE)[0] < 4, 0, noise() + 1.3)
    path = scaled(tmp_path / "a.nii", values)
    assert nib.load(path).dataobj.inter != 0
    assert not (np.asarray(nib.load(path).dataobj) == 0).any()
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.values == 0, values == 0)
    np.testing.assert_allclose(volume.values, values, atol=nib.load(path).dataobj.slope)


def test_few_small_values_are_no_background(tmp_path: Path) -> None:
    """Where no value is frequent all stay as they are stored."""
    path = scaled(tmp_path / "a.nii", noise() + 1.3)
    np.testing.assert_array_equal(read_volume(path).values, np.asarray(nib.load(path).dataobj))


@pytest.mark.parametrize(
    ("name", "said"), [("a.nii", "packed (gzip), though"), ("a.nii.gz", "not")]
)
def test_wrong_suffix(tmp_path: Path, name: str, said: str) -> None:
    """What a file is shows in its content; a suffix that says otherwise is noted."""
    right = "a.nii.gz" if name == "a.nii" else "a.nii"
    write(tmp_path / right, noise()).rename(tmp_path / name)
    volume = read_volume(tmp_path / name)
    np.testing.assert_array_equal(volume.values, noise())
    assert said in volume.notes[0]


@pytest.mark.parametrize("shape", [(*SHAPE, 1), (*SHAPE, 1, 1)])
def test_one_volume_in_4d(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Further axes of length 1 are taken off."""
    write(tmp_path / "a.nii.gz", noise().reshape(shape))
    assert read_volume(tmp_path / "a.nii.gz").values.shape == SHAPE


def test_several_volumes(tmp_path: Path) -> None:
    """A 4-D image of several volumes is refused, with their number."""
    write(tmp_path / "a.nii.gz", noise(shape=(*SHAPE, 3)))
    problem = problem_of(tmp_path / "a.nii.gz")
    assert problem.message == "it has 3 volumes, not one: 8x9x10x3"
    assert problem.suggestion == "give the one volume of this contrast as a file of its own"


def test_several_volumes_are_not_read(tmp_path: Path) -> None:
    """The header decides, before a large file is read in vain."""
    header = nib.Nifti1Image(noise(), AFFINE).header
    header.set_data_shape((400, 400, 400, 30000))
    (tmp_path / "a.nii").write_bytes(header.binaryblock + b"\0" * 4)
    assert "30,000 volumes" in problem_of(tmp_path / "a.nii").message


def test_too_large(tmp_path: Path) -> None:
    """A header that claims more voxels than any brain has is refused."""
    header = nib.Nifti1Image(noise(), AFFINE).header
    header.set_data_shape((3000, 3000, 3000))
    (tmp_path / "a.nii").write_bytes(header.binaryblock + b"\0" * 4)
    message = problem_of(tmp_path / "a.nii").message
    assert message == "an image of 3000x3000x3000 voxels is too large"


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_truncated(tmp_path: Path, name: str) -> None:
    """A file that ends early is one problem."""
    body = write(tmp_path / name, noise()).read_bytes()
    (tmp_path / name).write_bytes(body[: len(body) // 2])
    assert (
        problem_of(tmp_path / name).suggestion
        == "damaged or incomplete: copy or download it again"
    )


def test_corrupt_gzip_is_found_by_its_check_sum(tmp_path: Path) -> None:
    """One wrong byte, which would give wrong voxels without a word, is an error."""
    write(tmp_path / "a.nii", noise())
    body = bytearray(gzip.compress((tmp_path / "a.nii").read_bytes(), 0))
    body[len(body) // 2] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(body)
    assert "CRC check failed" in problem_of(tmp_path / "a.nii.gz").message


def test_missing_file(tmp_path: Path) -> None:
    """No such file."""
    assert problem_of(tmp_path / "a.nii.gz").message == "no such file"


@pytest.mark.parametrize("name", ["n" * 300 + ".nii", "nul\0.nii"])
def test_impossible_name(tmp_path: Path, name: str) -> None:
    """A name that no file system has is a problem like a missing file."""
    assert problem_of(tmp_path / name).message.startswith(("cannot be read: File name", "no such"))


def test_folder(tmp_path: Path) -> None:
    """A folder is no file."""
    assert problem_of(tmp_path).message == "not a file"


def test_broken_link(tmp_path: Path) -> None:
    """A link to nowhere names its target."""
    path = tmp_path / "a.nii.gz"
    path.symlink_to("elsewhere.nii.gz")
    assert problem_of(path).message == "a link to elsewhere.nii.gz, which is not there"


def test_link_of_datalad(tmp_path: Path) -> None:
    """A broken link into .git/annex says how to get its content."""
    path = tmp_path / "a.nii.gz"
    path.symlink_to("../.git/annex/objects/9X/pV/MD5E-s1--ab.nii.gz/MD5E-s1--ab.nii.gz")
    problem = problem_of(path)
    assert "pointer of DataLad" in problem.message
    assert problem.suggestion == f"run: datalad get {path}"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("/annex/objects/MD5E-s3--0123.nii.gz\n", "datalad get"),
        ("../.git/annex/objects/9X/pV/MD5E-s1--ab.nii.gz/MD5E-s1--ab.nii.gz", "datalad get"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "git lfs pull"),
    ],
)
def test_pointer_files(tmp_path: Path, text: str, advice: str) -> None:
    """A small text in the place of the image says how to get its content."""
    (tmp_path / "a.nii.gz").write_text(text)
    assert advice in problem_of(tmp_path / "a.nii.gz").suggestion


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.png", "a.img"])
@pytest.mark.parametrize(
    "body", [b"x,y,z\n1,2,3\n", gzip.compress(b"no image", mtime=0), bytes(range(1, 256)) * 4]
)
def test_not_an_image(tmp_path: Path, name: str, body: bytes) -> None:
    """Anything else is one problem, not a traceback."""
    (tmp_path / name).write_bytes(body)
    assert problem_of(tmp_path / name).message


def test_empty_file(tmp_path: Path) -> None:
    """A file without a byte."""
    (tmp_path / "a.nii.gz").write_bytes(b"")
    assert problem_of(tmp_path / "a.nii.gz").message == "the file is empty"


def test_surface(tmp_path: Path) -> None:
    """A CIFTI file of the cortex is told from a volume."""
    axes = (
        nib.cifti2.ScalarAxis(["z"]),
        nib.cifti2.BrainModelAxis.from_mask(np.ones(20), "cortex"),
    )
    nib.save(nib.Cifti2Image(np.ones((1, 20)), axes), tmp_path / "a.dscalar.nii")
    assert "surface" in problem_of(tmp_path / "a.dscalar.nii").message


def test_complex_and_colours(tmp_path: Path) -> None:
    """Voxels that are no numbers are refused."""
    write(tmp_path / "a.nii.gz", noise().astype(np.complex64))
    assert (
        problem_of(tmp_path / "a.nii.gz").message == "its voxels are complex numbers, not numbers"
    )


def test_no_place(tmp_path: Path) -> None:
    """An affine that maps all voxels to one plane is refused."""
    image = nib.Nifti1Image(noise(), None)
    image.header["sform_code"] = 4
    image.header["srow_x"] = [2, 0, 0, 0]
    nib.save(image, tmp_path / "a.nii")
    assert problem_of(tmp_path / "a.nii").message == "its affine tells no place in mm"


def test_unplaced(tmp_path: Path) -> None:
    """A header without sform and qform is read, and said to place the voxels nowhere."""
    image = nib.Nifti1Image(noise(), None)
    nib.save(image, tmp_path / "a.nii")
    assert not read_volume(tmp_path / "a.nii").placed


@pytest.mark.parametrize(
    ("codes", "shift", "said"),
    [
        ((1, 4), 20.0, "its sform and qform place voxels up to 20 mm apart; the sform is used"),
        ((1, 4), 0.5, ""),
        ((0, 4), 20.0, ""),
        ((1, 0), 20.0, ""),
    ],
)
def test_affines_that_disagree(codes, shift, said, tmp_path: Path) -> None:
    """A file whose two affines differ is pointed out; which of them counts is said."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    image = nib.Nifti1Image(np.ones((5, 6, 7), np.float32), affine)
    moved = affine.copy()
    moved[2, 3] += shift
    image.set_sform(affine, codes[1])
    image.set_qform(moved, codes[0])
    path = tmp_path / "moved.nii.gz"
    nib.save(image, path)
    volume = read_volume(path)
    assert volume.notes == ((said,) if said else ())
    assert np.allclose(volume.affine, affine if codes[1] else moved)
