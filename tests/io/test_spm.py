"""Group results of SPM, in folders of the layout that SPM12 writes; no real folder was at hand."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from scipy.io import savemat

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from nimare_pipeline.images import load_images
from nimare_pipeline.io import _mat
from nimare_pipeline.io.registry import examine
from nimare_pipeline.volumes import read_volume
from tests.hostile import bounded, damaged, put, read_or_refused, within_time
from tests.image_folders import spm
from tests.image_sets import noise

TWO = np.array([[1, 0]] * 7 + [[0, 1]] * 5, dtype=float)


def only(folder: Path) -> Any:
    (found,) = examine(folder)[0]
    return found


def test_a_folder(tmp_path: Path) -> None:
    """A folder is a study: contrasts, people, degrees of freedom, images."""
    spm(tmp_path / "ada2001" / "2nd_level")
    found = only(tmp_path)
    (one,) = found.contrasts
    assert (one.id, one.sample_sizes, one.metadata["dof"]) == ("ada2001-pain", (12,), 11)
    assert one.metadata["design"] == "one-sample"
    assert one.metadata["analysis_level"] == "group"
    at = "ada2001/2nd_level"
    assert one.images["beta"] == f"{at}/con_0001.nii"
    assert one.images["t"] == f"{at}/spmT_0001.nii"
    assert one.images["varcope"].startswith(f"{at}/ResMS.nii!x0.083333")
    assert (found.problems, examine(tmp_path)[1]) == ((), [])


def test_variance_is_that_of_the_regression(tmp_path: Path) -> None:
    """ResMS c'(X'X)^-1 c, voxel by voxel, for a contrast of two groups."""
    spm(tmp_path, contrasts={"a > b": ("T", [1, -1])}, design=TWO, kind="Two-sample t-test")
    (source,) = io.read(tmp_path)
    source.dataset.update_path(tmp_path)
    path = source.dataset.images["varcope"].iloc[0]
    residual = read_volume(tmp_path / "ResMS.nii").values
    np.testing.assert_allclose(
        read_volume(Path(path)).values, residual * (1 / 7 + 1 / 5), rtol=2e-7
    )
    stack, problems = load_images(source.dataset)
    assert stack.kinds == ("t", "beta", "varcope")
    assert not [one for one in problems if one.level == "error"]


def test_without_the_covariance_that_of_the_design_is_used(tmp_path: Path) -> None:
    """Older files do not hold it."""
    x = {"X": TWO, "erdf": 10.0}
    spm(tmp_path, contrasts={"a > b": ("T", [1, -1])}, design=TWO, xX=x)
    (one,) = only(tmp_path).contrasts
    assert float(one.images["varcope"].partition("!x")[2]) == pytest.approx(1 / 7 + 1 / 5)


@pytest.mark.parametrize(
    ("changes", "sizes", "level"),
    [
        ({"kind": "Two-sample t-test", "design": TWO, "contrasts": {"x": ("T", [1, -1])},
          "factors": ("repl", "Group", "", ""),
          "levels": [[i, 1 + (i > 7), 1, 1] for i in range(1, 13)]}, (7, 5), "group"),
        ({"kind": "Paired t-test"}, (6,), "group"),
        ({"kind": "Flexible factorial", "factors": ("repl", "subject", "condition", ""),
          "levels": [[1, i % 4, i % 3, 1] for i in range(12)]}, (4,), "group"),
        ({"kind": "Multiple regression"}, (12,), "group"),
        ({"session": True}, (1,), "single-subject"),
        ({"nscan": np.zeros((0, 0))}, (), None),
    ],
)  # fmt: skip
def test_people(
    tmp_path: Path, changes: dict[str, Any], sizes: tuple[int, ...], level: str | None
) -> None:
    """As the factors of the design say; scans of one person are no group."""
    spm(tmp_path, **changes)
    (one,) = only(tmp_path).contrasts
    assert one.sample_sizes == sizes
    assert one.metadata.get("analysis_level") == level


def test_f_contrasts_are_left_out(tmp_path: Path) -> None:
    """With a word; numbers of the others stay."""
    spm(tmp_path, contrasts={"effects": ("F", [1]), "pain": ("T", [1])})
    found = only(tmp_path)
    (one,) = found.contrasts
    assert one.images["beta"] == "con_0002.nii"
    (problem,) = found.problems
    assert str(problem) == (
        "SPM.mat, contrast effects: its statistic is F, and no T: it is left out "
        "(t contrasts are read)"
    )


def test_pairs_of_analyze_files(tmp_path: Path) -> None:
    """As SPM wrote them up to SPM5: the image is read with its header."""
    spm(tmp_path, end=".img")
    found = only(tmp_path)
    (one,) = found.contrasts
    assert one.images["beta"] == "con_0001.img"
    values = read_volume(tmp_path / one.images["beta"]).values
    np.testing.assert_allclose(values, noise(0), atol=1e-3)
    assert examine(tmp_path)[1] == []


def test_missing_images(tmp_path: Path) -> None:
    """A contrast that was never written is a warning."""
    spm(tmp_path, contrasts={"a": ("T", [1]), "b": ("T", [-1])})
    for name in ("con_0002.nii", "spmT_0002.nii"):
        (tmp_path / name).unlink()
    (problem,) = only(tmp_path).problems
    assert "contrast b: con_0002 and spmT_0002 are not in the folder" in str(problem)


def test_a_pointer(tmp_path: Path) -> None:
    """Says how to get the content."""
    (tmp_path / "SPM.mat").write_text("/annex/objects/MD5E-s1--a.mat\n")
    with pytest.raises(DataError, match=r"run: datalad get \S+SPM\.mat"):
        io.read(tmp_path)


def matrix(kind: int, dims: tuple[int, ...], content: bytes = b"", name: bytes = b"SPM") -> bytes:
    """A matrix of a MAT file, with whatever it claims."""

    def element(code: int, body: bytes) -> bytes:
        return struct.pack("<II", code, len(body)) + body + bytes(-len(body) % 8)

    body = element(6, struct.pack("<II", kind, 0))
    body += element(5, struct.pack(f"<{len(dims)}i", *dims)) + element(1, name) + content
    return element(14, body)


def mat(*elements: bytes) -> bytes:
    """A MAT file of elements."""
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(elements)


def nested(levels: int) -> bytes:
    inner = matrix(6, (0, 0))
    for _ in range(levels):
        inner = matrix(1, (1, 1), inner)
    return inner


def squeezed(body: bytes) -> bytes:
    packed = zlib.compress(body, 9)
    return struct.pack("<II", 15, len(packed)) + packed


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not a MAT file of version 5 to 7"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), "saved as version 7.3, which is HDF5"),
        (mat(matrix(6, (1, 1), name=b"x")), "damaged|there is no variable SPM in it"),
        (mat(matrix(1, (2**30, 1))), "an array that claims 1,073,741,824 elements"),
        (mat(matrix(4, (2**30, 4))), "an array that claims 4,294,967,296 elements"),
        (mat(squeezed(matrix(2, (2**30, 1)))), "an array that claims 1,073,741,824 elements"),
        (mat(nested(100)), "structures nested more than 64 levels"),
        (mat(squeezed(bytes(2**28 + 1))), "it unpacks to more than 256 MB"),
        (mat(struct.pack("<II", 15, 4) + b"abcd"), "damaged"),
        (mat(struct.pack("<II", 14, 2**31)), "damaged|ends|there is no variable"),
    ],
)
def test_files_that_claim_too_much(body: bytes, words: str) -> None:
    """They are refused before scipy takes the memory."""
    with within_time(), pytest.raises(ValueError, match=words):
        _mat.load(body, "SPM")


def test_another_file_of_the_name(tmp_path: Path) -> None:
    """One problem, with the file."""
    savemat(tmp_path / "SPM.mat", {"SPM": {"xX": 1.0}})
    with pytest.raises(DataError, match=r"SPM\.mat: no contrast is defined in it"):
        io.read(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files(tmp_path: Path) -> None:
    """They are read, or refused in words."""
    contrast = {"name": "a", "STAT": "T", "c": 1.0}
    design = {"X": np.ones((3, 1)), "Bcov": 1 / 3}
    savemat(tmp_path / "plain.mat", {"SPM": {"nscan": 3.0, "xCon": contrast, "xX": design}})
    body = (tmp_path / "plain.mat").read_bytes()

    @bounded(150)
    @given(damaged(body))
    def check(changed: bytes) -> None:
        folder = put(tmp_path / "b", {"SPM.mat": changed, "con_0001.nii": b"", "ResMS.nii": b""})
        read_or_refused(lambda: io.read(folder), folder=folder)

    check()
