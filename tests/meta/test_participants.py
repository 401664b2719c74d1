"""People are counted once."""

import numpy as np

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.meta.cbma.ale import ALE
from nimare_pipeline.meta.participants import participants
from tests.meta.conftest import dataset_of

FOCUS = [(0, 0, 0)]


def two_contrasts(first: list[float] | None, second: list[float] | None) -> Dataset:
    """One study with two contrasts."""
    coords = {"space": "MNI", "x": [0.0], "y": [0.0], "z": [0.0]}
    return Dataset(
        {
            "a": {
                "contrasts": {
                    name: {
                        "coords": coords,
                        "metadata": {"sample_sizes": sizes} if sizes else {},
                    }
                    for name, sizes in (("1", first), ("2", second))
                }
            }
        }
    )


def test_groups_of_a_contrast_are_added_up() -> None:
    """A contrast of 10 patients and 12 controls is on 22 people."""
    assert participants(dataset_of({"a": ([10, 12], FOCUS)}))["n_participants"] == 22


def test_a_study_counts_with_its_largest_contrast() -> None:
    """Contrasts of 20 and of 10 + 12 people may be on the same ones: 22, not 42."""
    assert participants(two_contrasts([20], [10, 12]))["n_participants"] == 22


def test_a_contrast_without_size_is_counted_as_such() -> None:
    """A study is known by the contrasts that report its people."""
    assert participants(two_contrasts([20], None)) == {
        "n_participants": 20,
        "n_studies_with_n": 1,
        "n_contrasts_without_n": 1,
    }


def test_studies_are_added_up() -> None:
    """Different studies are different people; one that does not report them adds none."""
    dataset = dataset_of({"a": ([10], FOCUS), "b": ([15], FOCUS), "c": (None, FOCUS)})
    assert participants(dataset) == {
        "n_participants": 25,
        "n_studies_with_n": 2,
        "n_contrasts_without_n": 1,
    }


def test_imputed_sizes_are_not_people() -> None:
    """A sample size that a policy put in does not count."""
    dataset = dataset_of({"a": ([10], FOCUS), "b": ([99], FOCUS)})
    marked = dataset.with_tables(
        metadata=dataset.metadata.assign(sample_size_filled=[False, True])
    )
    assert participants(marked)["n_participants"] == 10
    assert participants(marked)["n_contrasts_without_n"] == 1


def test_nobody_known_is_none() -> None:
    """Where no contrast reports its people there is no number."""
    assert participants(dataset_of({"a": (None, FOCUS)}))["n_participants"] is None


def test_the_facts_of_an_analysis_hold_people() -> None:
    """The number that report and sidecars quote is a whole one."""
    facts = ALE().fit(two_contrasts([20], [10, 12])).facts
    assert facts["n_participants"] == 22
    assert isinstance(facts["n_participants"], int)
    assert facts["n_contrasts"] == 2


def described(**columns: list[float]) -> str:
    """Description of two contrasts, one with a size, with metadata added."""
    dataset = dataset_of({"a": ([10], FOCUS), "b": (None, FOCUS)})
    return ALE().fit(dataset.with_tables(metadata=dataset.metadata.assign(**columns))).description_


def test_the_description_names_given_widths() -> None:
    """Widths that were given do not follow from the sample size."""
    assert "kernels of 10 mm FWHM and" in described(kernel_fwhm=[10.0, 10.0])
    assert "sample size" in described(kernel_fwhm=[np.nan, 10.0])
    assert "where it is reported" in described(kernel_fwhm=[np.nan, 10.0])


def test_the_description_names_a_fixed_sample_size() -> None:
    """One sample size for all is not that of the contrasts."""
    dataset = dataset_of({"a": ([10], FOCUS)})
    text = ALE(kernel__sample_size=12).fit(dataset).description_
    assert "as wide as for a sample size of 12" in text
    assert "1 focus from 1 contrast was" in text
