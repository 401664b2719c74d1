"""A pool of foci: which ones it takes, and that it comes back from a file as it was."""

import numpy as np
import pytest

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError
from nimare_pipeline.null_foci import NullFoci, digest

SOURCE = {
    "a": {
        "contrasts": {
            "1": {"coords": {"space": "MNI", "x": [0, 2.5], "y": [0, 0], "z": [0, -900]}},
            "2": {"coords": {"space": "MNI", "x": [10], "y": [4], "z": [6]}},
        }
    },
    "b": {"contrasts": {"1": {"coords": {"space": "MNI", "x": [-38], "y": [4], "z": [6]}}}},
}


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(SOURCE)


def test_all_foci_of_all_datasets(dataset) -> None:
    """One dataset after the other, in their order."""
    pool = NullFoci.of([dataset, dataset.slice(["b-1"])])
    expected = [[0, 0, 0], [2.5, 0, -900], [10, 4, 6], [-38, 4, 6], [-38, 4, 6]]
    np.testing.assert_array_equal(pool.xyz, expected)
    assert (pool.n_contrasts, pool.n_studies) == (4, 3)
    assert NullFoci.of([]).xyz.shape == (0, 3)


def test_only_those_in_a_mask(dataset) -> None:
    """A focus outside is left out, and a contrast without others is not counted."""
    pool = NullFoci.of([dataset], inside=dataset.mask)
    np.testing.assert_array_equal(pool.xyz, [[0, 0, 0], [10, 4, 6], [-38, 4, 6]])
    assert (pool.n_contrasts, pool.n_studies) == (3, 2)


def test_not_those_that_are_not_to_be_used(dataset) -> None:
    """Contrasts whose ``include`` is false are not analysed, and not drawn from either."""
    dataset.metadata["include"] = [True, False, True]
    np.testing.assert_array_equal(
        NullFoci.of([dataset]).xyz, [[0, 0, 0], [2.5, 0, -900], [-38, 4, 6]]
    )


def test_comes_back_as_it_was(dataset, tmp_path) -> None:
    """Every field, also where a name is not ASCII."""
    pool = NullFoci.of([dataset], path="dir/痛み", name="痛み", files={"痛み.txt": "ab"})
    read = NullFoci.load(pool.save(tmp_path / "pool.npz"))
    np.testing.assert_array_equal(read.xyz, pool.xyz)
    assert read.facts() == pool.facts()
    assert read.facts()["files"] == {"痛み.txt": "ab"}


def test_digest_knows_each_number_and_its_place() -> None:
    """The same numbers in another order are another pool."""
    one = np.array([[1.0, 2, 3], [4, 5, 6]])
    assert digest(one) == digest([[1, 2, 3], [4, 5, 6]])
    assert len({digest(one), digest(one[::-1]), digest(one + 1e-9)}) == 3


@pytest.mark.parametrize(("path", "of"), [("", ""), ("base.txt", " of base.txt")])
def test_too_small(dataset, path, of) -> None:
    """As many as are drawn at once are enough, fewer are not."""
    pool = NullFoci.of([dataset], path=path)
    pool.check(4)
    with pytest.raises(DataError, match=f"the pool{of} has 4 foci, fewer than the 5 of the data"):
        pool.check(5)
