"""Neurosynth and NeuroQuery databases: what is read, how, and what is refused."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from nimare_pipeline import io, spaces
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, NoInputError, UsageError
from nimare_pipeline.io import _neurosynth_old, neurosynth

PREFIX = "data-neurosynth_version-9"
METADATA = """\
id\tdoi\tspace\ttitle\tyear
11\t10.1/a\tMNI\tPain in the hand\t1997
7\t\tTAL\t"A title
of two lines"\t1999
30\t\tUNKNOWN\tTouch\t2003
5\t\tMNI\tNo foci\t2004
"""
COORDINATES = """\
id\ttable_id\tx\ty\tz
7\t1\t10\t20\t30
11\t1\t-4.5\t2\t6
30\t2\t1\t2\t3
11\t1\t8\t-60\t12
"""
WEIGHTS = np.array([[0, 2.5, 0], [0.5, 0, 0], [0, 0, 0], [0, 1, 0]])
TERMS = ("pain", "touch", "low back")


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file of the database, packed."""
    path = folder / f"{PREFIX}_{name}.tsv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def write_features(folder: Path, values: np.ndarray = WEIGHTS, kind: str = "tfidf") -> Path:
    """Write a matrix of features."""
    path = folder / f"{PREFIX}_vocab-terms_source-abstract_type-{kind}_features.npz"
    sparse.save_npz(path, sparse.csr_matrix(values))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of a database of four studies."""
    root = tmp_path / "database"
    root.mkdir()
    write(root, "metadata", METADATA)
    write(root, "coordinates", COORDINATES)
    write_features(root)
    (root / f"{PREFIX}_vocab-terms_vocabulary.txt").write_text("\n".join(TERMS) + "\n")
    return root


def read(folder: Path) -> Dataset:
    """Dataset of the folder."""
    (source,) = io.read(folder)
    return source.dataset


def refused(folder: Path) -> list[str]:
    """Problems that a folder is refused for."""
    with pytest.raises(DataError) as caught:
        io.read(folder)
    return [str(problem) for problem in caught.value.problems if problem.level == "error"]


def test_studies_stand_in_the_order_of_the_metadata(folder: Path) -> None:
    """A study is one contrast called 1, also one without foci."""
    dataset = read(folder)
    assert dataset.ids.tolist() == ["11-1", "7-1", "30-1", "5-1"]
    assert dataset.coordinates["id"].tolist() == ["11-1", "11-1", "7-1", "30-1"]
    assert dataset.metadata["year"].tolist() == [1997, 1999, 2003, 2004]
    assert dataset.metadata["doi"].tolist() == ["10.1/a", None, None, None]
    assert dataset.metadata["source_line"].tolist() == [2, 3, 5, 6]


def test_talairach_foci_are_converted(folder: Path) -> None:
    """Foci of Talairach studies go to MNI by the way asked for; the others stay."""
    for method in ("other", "spm", "none"):
        (source,) = io.read(folder, tal2mni=method)
        xyz = source.dataset.coordinates[["x", "y", "z"]].to_numpy()
        np.testing.assert_allclose(xyz[[0, 1, 3]], [[-4.5, 2, 6], [8, -60, 12], [1, 2, 3]])
        np.testing.assert_allclose(xyz[2], spaces.tal2mni([[10, 20, 30]], method)[0])
        transforms = source.dataset.metadata["space_transform"].tolist()
        assert transforms == ["none", f"tal2mni-{method}", "none", "none"]


def test_unknown_spaces_are_counted_and_taken_as_mni(folder: Path) -> None:
    """The warning says how many studies and foci, and how to leave them out; that works."""
    (source,) = io.read(folder)
    said = [str(problem) for problem in source.problems]
    assert said == [
        (
            "data-neurosynth_version-9_metadata.tsv.gz: the space of 1 study with 1 focus is "
            "unknown ('UNKNOWN'); they are taken as MNI "
            "(the selection original_space != 'UNKNOWN' leaves them out)"
        )
    ]
    left = source.dataset.select("original_space != 'UNKNOWN'")
    assert left.ids.tolist() == ["11-1", "7-1", "5-1"]


def test_unknown_spaces_by_policy(folder: Path) -> None:
    """Left out, converted or refused, as the reader is told."""
    (source,) = io.read(folder, unknown_space="exclude")
    assert source.dataset.ids.tolist() == ["11-1", "7-1", "5-1"]
    assert "unknown ('UNKNOWN'); they are left out" in str(source.problems[0])
    (source,) = io.read(folder, unknown_space="talairach")
    xyz = source.dataset.coordinates[["x", "y", "z"]].to_numpy()
    np.testing.assert_allclose(xyz[3], spaces.tal2mni([[1, 2, 3]])[0])
    assert source.dataset.get_metadata(field="original_space")[2] == "UNKNOWN"
    assert source.dataset.get_metadata(field="space_transform")[2] == "tal2mni-other"
    assert "they are taken as TAL (the selection" in str(source.problems[0])
    with pytest.raises(DataError, match=r"1 study with 1 focus is unknown .*decide by --unknown"):
        io.read(folder, unknown_space="error")


def test_labels_are_selected_by_and_stay_sparse(folder: Path) -> None:
    """Labels are named after vocabulary, source and type; no table of them is made."""
    dataset = read(folder)
    assert dataset.get_labels() == [f"terms_abstract_tfidf__{term}" for term in TERMS]
    assert dataset.get_labels("7-1") == ["terms_abstract_tfidf__pain"]
    assert dataset.get_studies_by_label("terms_abstract_tfidf__touch", 1) == ["11-1", "5-1"]
    assert dataset.select('label("touch") >= 1').ids.tolist() == ["11-1", "5-1"]
    assert dataset.select('not label("touch") >= 1').ids.tolist() == ["7-1", "30-1"]
    assert list(dataset.tables.annotations.columns) == ["id", "study_id", "contrast_id"]
    shown = dataset.annotations
    np.testing.assert_array_equal(shown.iloc[:, 3:].to_numpy(), WEIGHTS)
    assert shown["id"].tolist() == dataset.ids.tolist()
    with pytest.raises(UsageError, match=r"no label 'terms_abstract_tfidf__tuch'.*touch"):
        dataset.label("terms_abstract_tfidf__tuch")


def test_labels_follow_slice_merge_and_copy(folder: Path) -> None:
    """Rows go with their contrasts; what a set does not describe is missing, not 0."""
    dataset = read(folder)
    part = dataset.slice(["30-1", "7-1"])
    assert part.label("terms_abstract_tfidf__pain").tolist() == [0.5, 0]
    again = part.merge(dataset.slice(["11-1"]))
    assert again.label("terms_abstract_tfidf__touch").tolist() == [0, 0, 2.5]
    other = Dataset({"x": {"contrasts": {"1": {"labels": {"terms_abstract_tfidf__pain": 3.0}}}}})
    both = other.merge(part)
    assert both.label("terms_abstract_tfidf__pain").tolist() == [3.0, 0.5, 0]
    touch = both.label("terms_abstract_tfidf__touch").tolist()
    assert np.isnan(touch[0])
    assert touch[1:] == [0, 0]
    assert both.annotations["terms_abstract_tfidf__pain"].tolist() == [3.0, 0.5, 0]
    assert both.copy().get_labels() == both.get_labels()


def test_saved_database_comes_back(folder: Path, tmp_path: Path) -> None:
    """Tables and matrices are the same after save and load."""
    dataset = read(folder)
    again = Dataset.load(dataset.save(tmp_path / "saved"))
    for name, table in dataset.tables.frames().items():
        assert table.equals(again.tables.frames()[name]), name
    np.testing.assert_array_equal(again.tables.matrices[0].values.toarray(), WEIGHTS)
    assert again.get_labels() == dataset.get_labels()


def test_convert_takes_the_keywords_of_the_field(folder: Path) -> None:
    """Several sets of labels, their names given, and studies of unknown space left out."""
    files = {
        "features": folder / f"{PREFIX}_vocab-terms_source-abstract_type-tfidf_features.npz",
        "vocabulary": folder / f"{PREFIX}_vocab-terms_vocabulary.txt",
    }
    dataset = io.convert_neurosynth_to_dataset(
        coordinates_file=folder / f"{PREFIX}_coordinates.tsv.gz",
        metadata_file=folder / f"{PREFIX}_metadata.tsv.gz",
        annotations_files=[files, files],
        feature_groups=["Neurosynth_TFIDF", "again"],
        unknown_space="exclude",
    )
    assert dataset.ids.tolist() == ["11-1", "7-1", "5-1"]
    assert dataset.get_labels()[::3] == ["Neurosynth_TFIDF__pain", "again__pain"]
    assert dataset.label("again__touch").tolist() == [2.5, 0, 1]


def test_one_file_stands_for_its_database(folder: Path) -> None:
    """The others are found beside it."""
    (source,) = io.read(folder / f"{PREFIX}_metadata.tsv.gz")
    assert source.name == "neurosynth_version-9"
    assert len(source.files) == 4
    assert len(source.dataset.get_labels()) == 3


def test_layout_of_before_2021(tmp_path: Path) -> None:
    """database.txt and features.txt, as the tutorial names them."""
    database, features = tmp_path / "database.txt", tmp_path / "features.txt"
    database.write_text("x\ty\tz\tid\tspace\n1\t2\t3\ta\tMNI\n4\t5\t6\tb\tMNI\n7\t8\t9\ta\tMNI\n")
    features.write_text("pmid\tpain\tlow back\nb\t0.5\t0\nc\t1\t1\n")
    dataset = io.convert_neurosynth_to_dataset(database, features)
    assert dataset.ids.tolist() == ["a-1", "b-1"]
    assert dataset.coordinates["x"].tolist() == [1, 7, 4]
    assert dataset.get_studies_by_label("Neurosynth_TFIDF__pain") == ["b-1"]
    assert np.isnan(dataset.label("Neurosynth_TFIDF__pain")[0])
    (source,) = io.read(tmp_path)
    assert source.dataset.get_labels() == dataset.get_labels()


def test_features_of_another_database(folder: Path) -> None:
    """Row and column counts that disagree are said together, with both numbers."""
    write_features(folder, np.ones((3, 2)))
    name = f"{PREFIX}_vocab-terms_source-abstract_type-tfidf_features.npz"
    assert refused(folder) == [
        (
            f"{name}: 3 rows, but the metadata have 4 studies "
            "(one row a study, in the order of the metadata)"
        ),
        (
            f"{name}: 2 columns, but {PREFIX}_vocab-terms_vocabulary.txt has 3 lines "
            "(one line a column: is it the vocabulary of other features?)"
        ),
    ]


def test_words_among_coordinates(folder: Path) -> None:
    """Each is named with its line."""
    write(
        folder,
        "coordinates",
        COORDINATES.replace("-60", "sixty").replace("\t1\t2\t3", "\t1\t2\t4000"),
    )
    (said,) = refused(folder)
    assert said == f"{PREFIX}_coordinates.tsv.gz, line 5: y is 'sixty' (a number in mm)"
    write(folder, "coordinates", COORDINATES.replace("-60", "-6000"))
    (said,) = refused(folder)
    assert "line 5: focus is (8.0, -6000.0, 12.0) (three numbers in mm, none beyond" in said


def test_rows_without_coordinates_are_left_out(folder: Path) -> None:
    """With a warning that names their lines."""
    write(folder, "coordinates", COORDINATES + "5\t1\t\t\t\n")
    (source,) = io.read(folder)
    assert len(source.dataset.coordinates) == 4
    assert any("1 row without coordinates left out: line 6" in str(p) for p in source.problems)


def test_foci_of_unknown_studies(folder: Path) -> None:
    """Foci whose study the metadata lack are counted, the first with its line."""
    write(folder, "coordinates", COORDINATES + "99\t1\t1\t2\t3\n98\t1\t1\t2\t3\n99\t1\t1\t2\t3\n")
    assert refused(folder) == [
        (
            f"{PREFIX}_coordinates.tsv.gz, line 6: 3 foci of 2 studies that the metadata "
            "lack: 99, 98 (a row of the metadata for each study)"
        )
    ]


def test_ids_that_repeat(folder: Path) -> None:
    """Both lines are named, counted in lines of the file and not in rows."""
    write(folder, "metadata", METADATA + "30\t\tMNI\tAgain\t2005\n")
    write_features(folder, np.vstack([WEIGHTS, WEIGHTS[:1]]))
    assert refused(folder) == [
        f"{PREFIX}_metadata.tsv.gz, line 7: id '30' stands in line 5 too (one row a study)"
    ]


def test_pickled_features(folder: Path) -> None:
    """They are refused unread."""
    path = write_features(folder)
    np.savez(path, format=np.array(b"csr"), data=np.array([{}], dtype=object))
    (said,) = refused(folder)
    assert "pickled objects, which are not read" in said
    assert "scipy.sparse.save_npz" in said


def test_missing_files(folder: Path) -> None:
    """Each file that a database needs is named."""
    (folder / f"{PREFIX}_metadata.tsv.gz").unlink()
    assert refused(folder) == [
        f"{PREFIX}_coordinates.tsv.gz: there is no {PREFIX}_metadata.tsv.gz beside it"
    ]
    with pytest.raises(NoInputError, match=r"no such file: .*nowhere\.tsv"):
        io.convert_neurosynth_to_dataset(folder / "nowhere.tsv", folder / "nowhere.tsv")


def test_missing_vocabulary_and_terms_that_repeat(folder: Path) -> None:
    """A set without its vocabulary is refused, and so is a vocabulary with a term twice."""
    vocabulary = folder / f"{PREFIX}_vocab-terms_vocabulary.txt"
    vocabulary.write_text("pain\ntouch\npain\n")
    assert refused(folder) == [f"{vocabulary.name}, line 3: 'pain' stands in line 1 too"]
    vocabulary.unlink()
    with pytest.raises(NoInputError, match=r"no such file: .*vocabulary\.txt"):
        io.read(folder)


def test_sniffs_by_name_and_columns(folder: Path) -> None:
    """Files of the database are known, tables of other layouts are not."""
    assert all(neurosynth.sniff(path) for path in folder.iterdir())
    for name in ("coordinates.tsv", "notes.txt", "study-1_coordinates.tsv"):
        (folder / name).write_text("id\tx\ty\tz\n")
        assert not neurosynth.sniff(folder / name)


def test_neurosynth_7(shared_data: Path) -> None:
    """Numbers of the published database, its unknown spaces, and an LDA topic as a selection."""
    (source,) = io.read(shared_data / "neurosynth")
    dataset = source.dataset
    assert (len(dataset.ids), len(dataset.coordinates)) == (14_371, 507_891)
    spaces_said = dataset.metadata["original_space"].value_counts().to_dict()
    assert spaces_said == {"MNI": 10_204, "TAL": 2_335, "UNKNOWN": 1_832}
    assert any("1,832 studies with 53,878 foci is unknown" in str(p) for p in source.problems)
    topic = "LDA50_abstract_weight__32_pain_somatosensory_stimulation"
    assert len(dataset.select(f'label("{topic}") >= 0.0285341431594354').ids) == 971


def test_neuroquery_stays_sparse(shared_data: Path) -> None:
    """Three sets of 7,547 terms; none of it dense, and titles of several lines are one cell."""
    (source,) = io.read(shared_data / "neuroquery" / "data")
    dataset = source.dataset
    assert (len(dataset.ids), len(dataset.coordinates)) == (13_459, 469_260)
    assert [one.values.shape for one in dataset.tables.matrices] == [(13_459, 7_547)] * 3
    assert sum(one.values.nnz for one in dataset.tables.matrices) < 1_000_000


def plainly(text: str, ids: list[str]) -> np.ndarray:
    """Features of studies, cell by cell; NaN for those that the text lacks."""
    rows = [line.split("\t") for line in text.splitlines()[1:] if line]
    of = {name: [float(cell) for cell in cells] for name, *cells in rows}
    n = len(text.splitlines()[0].split("\t")) - 1
    return np.array([of.get(name, [np.nan] * n) for name in ids])


@pytest.mark.parametrize("form", ["plain", "crlf", "bom", "gaps", "zeros", "quotes"])
def test_old_features_are_those_of_the_plain_loop(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read line by line, in pieces, or by pandas where there are quotes: the same numbers."""
    monkeypatch.setattr(_neurosynth_old, "_AT_ONCE", 7)
    rng = np.random.default_rng(2)
    ids = [f"{i}" for i in range(9)]
    database = tmp_path / "database.txt"
    database.write_text("id\tx\ty\tz\tspace\n" + "".join(f"{i}\t1\t2\t3\tMNI\n" for i in ids))
    cells = np.where(rng.uniform(size=(8, 6)) < 0.6, 0, rng.uniform(-1e-3, 1e3, (8, 6)))
    words = [[repr(float(cell)) for cell in row] for row in cells]
    if form == "zeros":
        words = [[{"0.0": "000.00"}.get(cell, cell) for cell in row] for row in words]
        words[0] = ["-0.0", "0e3", "00", "1e-5", "+2", ".5"]
    head = [f"pmid\t{chr(9).join('abcdef')}"]
    body = [f"{8 - i}\t{chr(9).join(row)}" for i, row in enumerate(words)]
    text = "\n".join([*head, *body, ""])
    written = {
        "crlf": text.replace("\n", "\r\n"),
        "bom": f"\ufeff{text}",
        "gaps": text.replace("\n3\t", "\n\n3\t"),
        "quotes": text.replace("pmid", '"pmid"'),
    }.get(form, text)
    (tmp_path / "features.txt").write_text(written, encoding="utf-8", newline="")
    tables, problems = neurosynth.read_old(database, tmp_path / "features.txt")
    (matrix,) = tables.matrices
    expected = plainly(text, ids)
    found = np.column_stack([matrix.column(label) for label in matrix.labels])
    assert np.array_equal(found, expected, equal_nan=True)
    assert matrix.values.nnz == np.count_nonzero(np.nan_to_num(expected))
    assert [label[-1] for label in matrix.labels] == [*"abcdef"]
    assert problems == []


@pytest.mark.parametrize("quote", ["", '"'])
def test_old_features_that_are_no_numbers(quote: str, tmp_path: Path) -> None:
    """The first twenty are named, by row and term, and the others counted."""
    database, features = tmp_path / "database.txt", tmp_path / "features.txt"
    database.write_text("id\tx\ty\tz\tspace\n1\t1\t2\t3\tMNI\n")
    rows = "".join(f"{i}\t0.0\tno{i}\n" for i in range(1, 25))
    features.write_text(f"{quote}pmid{quote}\ta\tb\n{rows}25\t\t1\n")
    with pytest.raises(DataError) as error:
        neurosynth.read_old(database, features)
    said = [str(problem) for problem in error.value.problems]
    assert said[0] == "features.txt, line 2: b is 'no1' (a number)"
    assert said[19:] == [
        "features.txt, line 21: b is 'no20' (a number)",
        "features.txt: and 5 problems more of this kind",
    ]


def test_old_features_with_short_or_long_rows(tmp_path: Path) -> None:
    """A cell that lacks is no number; one too many is a broken table."""
    database, features = tmp_path / "database.txt", tmp_path / "features.txt"
    database.write_text("id\tx\ty\tz\tspace\n1\t1\t2\t3\tMNI\n")
    for row, said in (
        ("1\t0.0", "features.txt, line 2: b is '' (a number)"),
        ("1\t0.0\t0.0\t0.0", "no table of tab-separated columns: rows have more cells than"),
    ):
        features.write_text(f"pmid\ta\tb\n{row}\n")
        with pytest.raises(DataError, match=re.escape(said)):
            neurosynth.read_old(database, features)


def test_old_studies_of_two_spaces(tmp_path: Path) -> None:
    """The line and both spaces are said."""
    database = tmp_path / "database.txt"
    rows = ("1\t1\t2\t3\tMNI\n", "2\t1\t2\t3\tTAL\n", "1\t1\t2\t4\tTAL\n")
    database.write_text("id\tx\ty\tz\tspace\n" + "".join(rows))
    with pytest.raises(DataError, match="line 4: space is 'TAL', but above 'MNI'"):
        neurosynth.read_old(database)
