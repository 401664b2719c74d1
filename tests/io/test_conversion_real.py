"""Real files in every other format: nothing crashes, and what counts comes back."""

import csv
from pathlib import Path

import pytest

from nimare_pipeline.errors import DataError
from nimare_pipeline.io.conversion import Converted, convert

SUFFIXES = {"native": "", "nimads": ".json", "nimare": ".json", "sleuth": ".txt", "csv": ".csv"}


def sources(shared: Path) -> list[Path]:
    """Sleuth files with reliable counts, of each kind some, and all small studysets and tables."""
    with (shared / "sleuth" / "COUNTS.tsv").open(encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        named = [row["file"] for row in rows if row["counts_reliable"] == "yes"]
    found = [shared / "sleuth" / name for name in named[::16]]
    found += sorted((shared / "nimads" / "compose").iterdir())
    found += sorted((shared / "nimads" / "neurometabench").iterdir())[:2]
    return [*found, *sorted((shared / "nimare_json").glob("*.json")), shared / "tables/SD31.xlsx"]


def converted(source: Path, place: Path, to: str) -> Converted | None:
    """The conversion; None if the file has errors that a person must mend."""
    try:
        (made,) = convert(source, place / f"x{SUFFIXES[to]}", to, unknown_space="mni", merge=True)
    except DataError:
        return None
    return made


@pytest.mark.parametrize("to", SUFFIXES)
def test_real_files(to: str, shared_data: Path, tmp_path: Path) -> None:
    """Foci are equal to the last bit, but where two spaces do not fit; again nothing is lost."""
    n = 0
    for number, source in enumerate(sources(shared_data)):
        folder = tmp_path / str(number)
        made = converted(source, folder, to)
        if made is None:
            continue
        n += 1
        parts = {loss.part: loss.how for loss in made.losses}
        if to in ("native", "nimare", "nimads"):
            assert not set(parts) & {"ids", "foci", "spaces", "sample sizes", "labels", "images"}
        assert ("foci" in parts) == (to == "sleuth" and "spaces" in parts)
        assert "contrasts" not in parts or to == "sleuth"
        again = converted(folder / f"x{SUFFIXES[to]}", folder / "again", to)
        assert again is not None
        assert (again.foci, again.losses) == (made.foci, ())
        assert again.contrasts == made.contrasts or "contrasts" in parts
    assert n >= 12
