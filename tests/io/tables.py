"""Small datasets as tables, for tests to break."""

import gzip
from pathlib import Path

import pandas as pd

from nimare_pipeline.dataset import Dataset

CONTRASTS = (
    "study_id\tcontrast_id\tsample_size\tspace\tcondition\tage\n"
    "Smith_2019\tpain\t24\tMNI\tpain\t30\n"
    "Lee_2020\tpain\t16\tTAL\ttouch\tn/a\n"
)
COORDINATES = (
    "study_id\tcontrast_id\tx\ty\tz\n"
    "Smith_2019\tpain\t10\t-20\t30\n"
    "Smith_2019\tpain\t-12\t4\t8\n"
    "Lee_2020\tpain\t40\t-10\t2\n"
)
STUDIES = "study_id\ttitle\tyear\nSmith_2019\tOn pain\t2019\nLee_2020\tOn touch\t2020\n"
ANNOTATIONS = (
    "study_id\tcontrast_id\tpain\twords\nSmith_2019\tpain\t1\tburning\nLee_2020\tpain\t0.5\tn/a\n"
)
QUICK = (
    "study_id\tcontrast_id\tx\ty\tz\tsample_size\n"
    "Smith 2019\tpain > rest\t10\t-20\t30\t24\n"
    "Lee 2020\tpain > rest\t40\t-10\t2\t16\n"
    "Smith 2019\tpain > rest\t-12\t4\t8\t24\n"
)
TABLES = ("coordinates", "metadata", "images", "annotations", "texts")

SET = {
    "contrasts.tsv": CONTRASTS,
    "coordinates.tsv": COORDINATES,
    "studies.tsv": STUDIES,
    "desc-my_annotations.tsv": ANNOTATIONS,
}


def put(folder: Path, files: dict[str, str | bytes | None]) -> Path:
    """Write files by their names; None leaves one out, text for ``.gz`` is compressed."""
    for name, body in files.items():
        if body is None:
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = body if isinstance(body, bytes) else body.encode()
        is_plain = isinstance(body, str) and name.endswith(".gz")
        path.write_bytes(gzip.compress(content) if is_plain else content)
    return folder


def assert_same(first: Dataset, second: Dataset) -> None:
    """All tables are equal: columns, types, and floats to the last bit."""
    for name in TABLES:
        one, other = getattr(first, name), getattr(second, name)
        pd.testing.assert_frame_equal(one, other, check_exact=True, obj=name)
        floats = [column for column in one if one[column].dtype == "float64"]
        assert one[floats].to_numpy().tobytes() == other[floats].to_numpy().tobytes(), name
