"""NIDM-Results packs, zipped or not, as FSL and SPM export them."""

import logging
import zipfile
from pathlib import Path

import numpy as np
import pytest
from rdflib import Graph

from nimare_pipeline import io
from nimare_pipeline.errors import DataError
from nimare_pipeline.images import load_images
from nimare_pipeline.io.registry import examine
from nimare_pipeline.volumes import read_volume
from tests.hostile import state
from tests.image_folders import MNI, SUBJECT, TALAIRACH, F, nidm, pack, same, zipped
from tests.image_sets import noise

CONTEXT = {
    "nidm": "http://purl.org/nidash/nidm#",
    "prov": "http://www.w3.org/ns/prov#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def only(folder: Path):
    (found,) = examine(folder)[0]
    return found


def said(folder: Path) -> list[str]:
    found, more = examine(folder)
    return [f"{p.level} {p}" for one in found for p in one.problems] + [str(p) for p in more]


def test_a_pack(tmp_path: Path) -> None:
    """A folder is a study: its contrast, images, people, degrees of freedom and peaks."""
    pack(tmp_path / "ada2001.nidm", nidm(peaks=[(10, -20, 30), (-40.5, 2, 8)]))
    found = only(tmp_path)
    (one,) = found.contrasts
    assert (one.id, one.sample_sizes) == ("ada2001-pain", (20,))
    assert one.metadata["dof"] == 19
    assert one.metadata["contrast_name"] == "pain"
    assert one.images == {
        "t": "ada2001.nidm/TStatistic_T001.nii.gz",
        "beta": "ada2001.nidm/Contrast_T001.nii.gz",
        "se": "ada2001.nidm/ContrastStandardError_T001.nii.gz",
    }
    assert one.xyz.tolist() == [[10, -20, 30], [-40.5, 2, 8]]
    assert one.spaces == ("MNI", "MNI")
    assert one.values == {"z_stat": (4.875, 4.75)}
    assert found.problems == ()


def test_a_zip_file_is_read_where_it_lies(tmp_path: Path) -> None:
    """Nothing is unpacked beside it, and its images come out bit for bit."""
    pack(tmp_path / "p", nidm({"pain": ("t", "z", "beta", "se")}, peaks=[]))
    (tmp_path / "in").mkdir()
    zipped(tmp_path / "p", tmp_path / "in" / "ada.nidm.zip", "ada.nidm/")
    before = state(tmp_path / "in")
    (source,) = io.read(tmp_path / "in")
    source.dataset.update_path(tmp_path / "in")
    stack, problems = load_images(source.dataset)
    assert stack.kinds == ("z", "t", "beta", "se")
    assert not [p for p in problems if p.level == "error"]
    inside = tmp_path / "in" / "ada.nidm.zip!ada.nidm/TStatistic_T001.nii.gz"
    assert same(read_volume(inside).values, noise(len("TStatistic_T001.nii.gz")))
    assert state(tmp_path / "in") == before


def test_two_packs_are_two_studies(tmp_path: Path) -> None:
    """Zipped or not; folders with one name are told apart by those above."""
    pack(tmp_path / "ada" / "nidm", nidm())
    pack(tmp_path / "bob" / "nidm", nidm(sizes=[12, 13]))
    zipped(tmp_path / "bob" / "nidm", tmp_path / "cleo.nidm.zip")
    found = only(tmp_path)
    assert [one.id for one in found.contrasts] == ["ada-pain", "bob-pain", "cleo-pain"]
    assert [one.sample_sizes for one in found.contrasts] == [(20,), (12, 13), (12, 13)]
    assert [one.file for one in found.contrasts] == [
        "ada/nidm/nidm.ttl",
        "bob/nidm/nidm.ttl",
        "cleo.nidm.zip",
    ]
    assert found.name == tmp_path.name


def test_words_for_numbers(tmp_path: Path) -> None:
    """The first versions had the terms in words, and qualified relations."""
    text = nidm({"pain": ("t", "beta")}, readable=True)
    text = text.replace(
        "prov:wasGeneratedBy niiri:estimation1",
        "prov:qualifiedGeneration [ a prov:Generation ; prov:activity niiri:estimation1 ]",
    )
    pack(tmp_path, text)
    (one,) = only(tmp_path).contrasts
    assert set(one.images) == {"t", "beta"}
    assert (one.sample_sizes, one.metadata["dof"], len(one.xyz)) == ((20,), 19, 1)


def test_json_ld(tmp_path: Path) -> None:
    """With the context in the document; of two documents Turtle is read."""
    text = Graph().parse(data=nidm(), format="turtle").serialize(format="json-ld", context=CONTEXT)
    pack(tmp_path / "a", nidm())
    (tmp_path / "a" / "nidm.ttl").unlink()
    (tmp_path / "a" / "nidm.jsonld").write_text(text)
    (one,) = only(tmp_path).contrasts
    assert (one.id, set(one.images)) == ("a-pain", {"t", "beta", "se"})
    (tmp_path / "a" / "nidm.ttl").write_text(nidm({"heat": ("t",)}))
    assert [one.id for one in only(tmp_path).contrasts] == ["a-heat"]


def test_a_context_at_an_address_is_not_asked_for(tmp_path: Path) -> None:
    """No run uses the network."""
    (tmp_path / "nidm.json").write_text('{"@context": "http://purl.org/nidash/context", "a": 1}')
    assert "its context stands at an address" in " ".join(said(tmp_path))
    assert "nidm.ttl of the same pack needs no network" in " ".join(said(tmp_path))


@pytest.mark.parametrize(
    ("system", "spaces", "not_mni", "words"),
    [
        (MNI, ("MNI",), None, ""),
        ("NIDM_0000050", ("MNI",), None, ""),
        ("IcbmMni152NonLinear2009cAsymmetricCoordinateSystem", ("MNI",), None, ""),
        (TALAIRACH, ("TAL",), True, ""),
        (SUBJECT, (), True, "1 peak in a coordinate system of the subject: left out"),
        ("NIDM_0000017", (), None, "1 peak in a coordinate system that is none of a template"),
    ],
)
def test_coordinate_systems(
    tmp_path: Path, system: str, spaces: tuple[str, ...], not_mni: object, words: str
) -> None:
    """Peaks are foci in a standard space only; images elsewhere are marked."""
    pack(tmp_path, nidm(system=system))
    found = only(tmp_path)
    (one,) = found.contrasts
    assert (one.spaces, one.metadata.get("not_mni")) == (spaces, not_mni)
    assert words in " ".join(map(str, found.problems))
    assert bool(found.problems) == bool(words)


def test_several_contrasts_have_their_own_peaks(tmp_path: Path) -> None:
    """As FSL exports them: t and z of each, and a test of z."""
    text = nidm({"faces": ("t", "z", "beta", "se"), "faces > houses": ("t", "z", "beta")})
    pack(tmp_path / "ada", text)
    one, other = only(tmp_path).contrasts
    assert (one.id, other.id) == ("ada-faces", "ada-faces > houses")
    assert (set(one.images), set(other.images)) == ({"t", "z", "beta", "se"}, {"t", "z", "beta"})
    assert (len(one.xyz), len(other.xyz)) == (1, 1)


def test_two_contrasts_of_one_name(tmp_path: Path) -> None:
    """The second has a number."""
    text = nidm({"x": ("t",), "y": ("t",)}).replace('"y"', '"x"')
    pack(tmp_path / "ada", text)
    assert [one.id for one in only(tmp_path).contrasts] == ["ada-x", "ada-x (2)"]


def test_f_is_left_out(tmp_path: Path) -> None:
    """With a word of what is read."""
    pack(tmp_path, nidm({"pain": ("t",), "any": ("F",)}))
    found = only(tmp_path)
    assert [one.contrast_id for one in found.contrasts] == ["pain"]
    (problem,) = found.problems
    assert str(problem) == (
        "nidm.ttl, contrast any: its statistic is F, and no T or Z: it is left out "
        "(t and z are read)"
    )
    assert F in nidm({"any": ("F",)})


def test_a_missing_image(tmp_path: Path) -> None:
    """One that is described and not packed is a warning; a variance seldom is packed."""
    pack(tmp_path, nidm({"pain": ("t", "se", "varcope")}), without="tandardError")
    (tmp_path / "varcope1.nii.gz").unlink()
    found = only(tmp_path)
    assert set(found.contrasts[0].images) == {"t"}
    (problem,) = found.problems
    assert "ContrastStandardError_T001.nii.gz is described, but not in the pack" in str(problem)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"@prefix nidm: <http://x> .\nnidm:a nidm:b", "nidm.ttl: not Turtle"),
        (b"\xff\xfe\x00\x01", "nidm.ttl: not text"),
        (b"", "nidm.ttl: no statistic map is described in it (a complete NIDM-Results pack)"),
        (b"/annex/objects/MD5E-s1--a.ttl\n", "run: datalad get"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run: git lfs pull"),
        (b'{"a": [', "nidm.ttl, line 1, column 8: not JSON"),
        (b"[" * 5000, "nidm.ttl"),
        (b"@prefix x: <http://x#> .\nx:a x:b " + b"(" * 3000 + b")" * 3000 + b" .", "nidm.ttl"),
    ],
)
def test_a_broken_document(tmp_path: Path, body: bytes, words: str) -> None:
    """One problem, with the file."""
    (tmp_path / "nidm.ttl").write_bytes(body)
    errors = [text for text in said(tmp_path) if text.startswith("error") and "hold" not in text]
    assert len(errors) == 1
    assert words in errors[0]


def test_too_many_maps(tmp_path: Path) -> None:
    """No pack has so many; what belongs to what would take for ever to find."""
    (tmp_path / "nidm.ttl").write_text(nidm({f"c{n}": ("t",) for n in range(501)}, peaks=[]))
    (problem,) = (p for p in only(tmp_path).problems if "maps" in p.message)
    assert problem.message == "501 statistic maps; packs of up to 500 are read"


def test_a_conjunction_has_no_peaks_of_its_own(tmp_path: Path) -> None:
    """A test of two contrasts finds peaks of neither."""
    text = nidm({"x": ("t",), "y": ("t",)})
    text = text.replace("prov:used niiri:t2 ", "prov:used niiri:t2 , niiri:t1 ")
    pack(tmp_path, text)
    assert [len(one.xyz) for one in only(tmp_path).contrasts] == [1, 0]


def test_numbers_that_would_fill_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A decimal of a billion digits is never written out, and rdflib does not log."""
    odd = '\nniiri:a rdfs:label "1E999999999"^^xsd:decimal , "x"^^xsd:int .\n'
    pack(tmp_path, nidm() + odd)
    with caplog.at_level(logging.DEBUG):
        assert len(only(tmp_path).contrasts) == 1
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../evil.nii.gz", "it holds a file that would lie outside the folder"),
        ("/etc/passwd", "it holds a file that would lie outside the folder"),
        ("..\\evil", "it holds a file that would lie outside the folder"),
        ("nidm.ttl", "it holds a file twice"),
        ("b/nidm.ttl", "there are several packs in it"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_strange_zip_file(tmp_path: Path, name: str, words: str) -> None:
    """Refused as a whole."""
    with zipfile.ZipFile(tmp_path / "a.nidm.zip", "w") as archive:
        archive.writestr("nidm.ttl", nidm())
        archive.writestr(name, "x")
    with pytest.raises(DataError, match=words):
        io.read(tmp_path)


def test_a_link_in_a_zip_file(tmp_path: Path) -> None:
    """Refused: it could lead anywhere."""
    with zipfile.ZipFile(tmp_path / "a.nidm.zip", "w") as archive:
        archive.writestr("nidm.ttl", nidm())
        link = zipfile.ZipInfo("TStatistic.nii.gz")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match=r"it holds a link, 'TStatistic\.nii\.gz'"):
        io.read(tmp_path)


def test_a_bomb(tmp_path: Path) -> None:
    """A document that unpacks to more than any has is not read to its end."""
    with zipfile.ZipFile(tmp_path / "a.nidm.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nidm.ttl", bytes(2**26))
    with pytest.raises(DataError, match=r"nidm\.ttl unpacks to more than 16 MB"):
        io.read(tmp_path)


def test_a_broken_zip_file(tmp_path: Path) -> None:
    """One problem; that of one image is said when it is read."""
    (tmp_path / "a.nidm.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match=r"a\.nidm\.zip: not a zip file, or damaged"):
        io.read(tmp_path)
    with pytest.raises(DataError, match="the zip file cannot be read"):
        read_volume(tmp_path / "a.nidm.zip!T.nii.gz")


def test_a_real_pack(shared_data: Path) -> None:
    """Two contrasts of one person, in this person's space, as FSL exported them."""
    found = only(shared_data / "ibma" / "nidm_packs")
    assert [one.id for one in found.contrasts] == ["fsl_course_av-Visual", "fsl_course_av-Audi"]
    for one in found.contrasts:
        assert set(one.images) == {"t", "z", "beta", "se"}
        assert (one.metadata["dof"], one.metadata["not_mni"]) == (41, True)
    t, beta, se = (
        read_volume(shared_data / "ibma" / "nidm_packs" / found.contrasts[0].images[kind]).values
        for kind in ("t", "beta", "se")
    )
    inside = t != 0
    np.testing.assert_allclose(beta[inside] / se[inside], t[inside], rtol=1e-4)


def test_other_descriptions_go_first(tmp_path: Path) -> None:
    """A pack beside a table is what the table refers to, or it is said that it is left out."""
    pack(tmp_path / "ada", nidm())
    text = "study_id\tt_map\nada\tada/TStatistic_T001.nii.gz\n"
    (tmp_path / "contrasts.tsv").write_text(text)
    found, problems = examine(tmp_path)
    assert [one.format for one in found] == ["table layout (contrasts.tsv, coordinates.tsv)"]
    assert problems == []
    (tmp_path / "contrasts.tsv").unlink()
    (tmp_path / "a.txt").write_text("//Reference=MNI\n//A, 2000: b\n//Subjects=12\n1 2 3\n")
    (source,) = io.read(tmp_path)
    assert str(source.problems[0]) == (
        "1 folder of images left out, as other files here describe the studies: ada/nidm.ttl "
        "(to analyse them, name the folder itself)"
    )
