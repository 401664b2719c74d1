"""NeuroVault: collections of several pages, and the packs of the pain studies."""

import gzip
import io
import json
import logging
import stat
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

import nimare_pipeline
from nimare_pipeline import extract
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, DownloadError, OutputError, UsageError
from nimare_pipeline.extract import archives, neurovault
from tests.extract.conftest import QUICK
from tests.extract.server import Page, Server

COLLECTION = "/api/collections/77/?format=json"
FIRST = "/api/collections/77/images/?format=json&limit=100"
IMAGE = gzip.compress(b"\x5c\x01\x00\x00" + bytes(400), mtime=0)
PAIN = "/collections/1425/download"


def document(value: object) -> Page:
    return Page(json.dumps(value).encode(), tag="")


def image(number: int, **more: object) -> dict[str, object]:
    where = f"http://images.example.org/media/images/77/map%20{number}.nii.gz"
    return {"id": number, "name": f"map {number}", "file": where, **more}


def collection(server: Server, *pages: list[dict[str, object]], host: str = "") -> None:
    """Pages of a collection that lead to each other, by another host if one is named."""
    server.pages[COLLECTION] = document({"id": 77, "name": "Täst"})
    count = sum(map(len, pages))
    for number, images in enumerate(pages):
        path = f"{FIRST}&offset={100 * number}" if number else FIRST
        after = f"{host or server.url}{FIRST}&offset={100 * (number + 1)}"
        following = after if number + 1 < len(pages) else None
        server.pages[path] = document({"count": count, "next": following, "results": images})
        for one in images:
            server.pages[f"/media/images/77/map%20{one['id']}.nii.gz"] = Page(IMAGE)


def fetch(server: Server, folder: Path, **options: object) -> Path:
    found = extract.fetch_neurovault_collection(
        77, folder, base_url=server.url, retries=QUICK, **options
    )
    return Path(found)


def test_all_pages_come(server: Server, tmp_path: Path) -> None:
    """Every image of every page is there, with what the site knows of it."""
    collection(server, [image(1), image(2)], [image(3)], [image(4, number_of_subjects=20)])
    folder = fetch(server, tmp_path)
    assert folder == tmp_path / "neurovault" / "collection_77"
    assert sorted(path.name for path in folder.iterdir()) == [
        ".SHA256SUMS",
        "collection_metadata.json",
        "contrasts.tsv",
        *sorted(f"image_{n}{end}" for n in range(1, 5) for end in (".nii.gz", "_metadata.json")),
    ]
    assert (folder / "image_4.nii.gz").read_bytes() == IMAGE
    assert json.loads((folder / "image_4_metadata.json").read_text())["number_of_subjects"] == 20
    assert json.loads((folder / "collection_metadata.json").read_text())["name"] == "Täst"


def test_nobody_is_sent_to_another_host(server: Server, tmp_path: Path) -> None:
    """Pages and images that name another host are asked for at ours."""
    collection(server, [image(1)], [image(2)], host="http://169.254.169.254")
    assert (fetch(server, tmp_path) / "image_2.nii.gz").is_file()
    assert server.paths == [
        COLLECTION,
        FIRST,
        f"{FIRST}&offset=100",
        "/media/images/77/map%201.nii.gz",
        "/media/images/77/map%202.nii.gz",
    ]


def test_a_link_cannot_name_another_list(server: Server, tmp_path: Path) -> None:
    """Only the question of a link is followed: the list stays that of the collection."""
    collection(server, [image(1)], [image(2)], host="http://x/api/users/../..")
    assert (fetch(server, tmp_path) / "image_2.nii.gz").is_file()


@pytest.mark.parametrize("link", [FIRST, f"{FIRST}&offset=0"])
def test_pages_in_a_circle(link: str, server: Server, tmp_path: Path) -> None:
    """Pages that lead back to themselves are one error, and nothing is downloaded."""
    collection(server, [image(1)])
    page = {"count": 9, "next": server.url + link, "results": [image(1)]}
    server.pages[FIRST] = server.pages[f"{FIRST}&offset=0"] = document(page)
    with pytest.raises(DataError, match="go round in a circle"):
        fetch(server, tmp_path)
    assert len(server.requests) <= 3
    assert list(tmp_path.iterdir()) == []


def test_too_few_images(server: Server, tmp_path: Path) -> None:
    """A list that lacks images it tells of is an error: nothing is lost silently."""
    collection(server, [image(1)])
    server.pages[FIRST] = document({"count": 3, "next": None, "results": [image(1)]})
    with pytest.raises(DataError, match="3 images are said to be there, and 1 are listed"):
        fetch(server, tmp_path)


def test_an_image_twice_is_one(server: Server, tmp_path: Path) -> None:
    """An image that moved from page to page while they were read is not downloaded twice."""
    collection(server, [image(1)], [image(2)])
    page = {"count": 2, "next": None, "results": [image(1), image(2)]}
    server.pages[f"{FIRST}&offset=100"] = document(page)
    folder = fetch(server, tmp_path)
    assert sum("map%20" in path for path in server.paths) == 2
    rows = (folder / "contrasts.tsv").read_text().splitlines()[1:]
    assert [row.split("\t")[1] for row in rows] == ["1", "2"]


@pytest.mark.parametrize(
    "answer", [[], {"detail": "Not found"}, {"results": "none"}, {"results": [{"id": "../x"}]},
               {"results": [None]}, {"results": [{"id": 2**63}]}, {"results": [{"id": -1}]},
               {"results": [{"id": True}]}],
)  # fmt: skip
def test_odd_answers(answer: object, server: Server, tmp_path: Path) -> None:
    """What is no list of images with numbers is one error."""
    collection(server, [])
    server.pages[FIRST] = document(answer)
    with pytest.raises(DataError, match=r"is no list of images|an image has no number"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_image_is_told(server: Server, tmp_path: Path, caplog) -> None:
    """Surfaces and images without a file stay there, and are named."""
    odd = ["http://h/a/x.gii", "/a/x.dscalar.nii", "/a/x.ptseries.nii", None, "http://[/x.nii"]
    collection(server, [image(1), *[image(2 + n, file=file) for n, file in enumerate(odd)]])
    folder = fetch(server, tmp_path)
    assert [path.name for path in folder.glob("*.nii*")] == ["image_1.nii.gz"]
    assert "not downloaded, as they are no NIfTI images: image_2 (http://h/a/x.gii)" in caplog.text


def test_a_collection_that_is_not_there(server: Server, tmp_path: Path) -> None:
    """A number nobody has is the server's refusal."""
    with pytest.raises(DownloadError, match="there is no such file or record"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "number", ["", "abc", "-1", "0", "1/../2", "١", "9" * 30, "9" * 9999, 1.5]
)
def test_a_collection_has_a_number(number: object, server: Server, tmp_path: Path) -> None:
    """What is no number of a collection never becomes an address."""
    with pytest.raises(UsageError, match="a collection of NeuroVault has a number"):
        extract.fetch_neurovault_collection(number, tmp_path, base_url=server.url)
    assert server.requests == []


def test_a_cut_image_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    """A second call downloads only what is missing."""
    collection(server, [image(1), image(2)])
    fetch(server, tmp_path)
    (tmp_path / "neurovault/collection_77/image_2.nii.gz").unlink()
    server.requests.clear()
    fetch(server, tmp_path)
    assert server.paths == [COLLECTION, FIRST, "/media/images/77/map%202.nii.gz"]


def test_a_damaged_image_is_not_kept(server: Server, tmp_path: Path) -> None:
    """An image that cannot be unpacked is an error, not a file."""
    collection(server, [image(1)])
    server.pages["/media/images/77/map%201.nii.gz"] = Page(IMAGE[:-6])
    with pytest.raises(DataError, match=r"image_1\.nii\.gz came damaged"):
        fetch(server, tmp_path)
    folder = tmp_path / "neurovault/collection_77"
    assert [path.name for path in folder.iterdir()] == ["collection_metadata.json"]


def brain() -> bytes:
    """A small image as it lies on a disk."""
    affine = np.diag([40.0, 40.0, 40.0, 1.0])
    affine[:3, 3] = (-80.0, -120.0, -60.0)
    made = nibabel.Nifti1Image(np.ones((5, 6, 5), np.float32), affine)
    return gzip.compress(made.to_bytes(), mtime=0)


GROUP = {"analysis_level": "group", "is_thresholded": False, "not_mni": False}
KINDS = [
    ({"map_type": "T map", "number_of_subjects": 20}, "t_map", ""),
    ({"map_type": "Z map", "number_of_subjects": 12.0}, "z_map", ""),
    ({"map_type": "univariate-beta map", "number_of_subjects": None}, "effect_map", ""),
    ({"map_type": "variance"}, "variance_map", ""),
    ({"map_type": "P map (given null hypothesis)"}, "p_map", ""),
    ({"map_type": "F map"}, "", "no map that is analysed: F map"),
    ({"map_type": None}, "", "no map that is analysed: type unknown"),
    ({"map_type": "T map", "is_thresholded": True}, "t_map", "thresholded"),
    ({"map_type": "T map", "not_mni": True}, "t_map", "not in MNI space"),
    ({"map_type": "T map", "analysis_level": "single-subject"}, "t_map", "level: single-subject"),
]


def test_a_collection_can_be_analysed(server: Server, tmp_path: Path) -> None:
    """Its table of contrasts says what each image is, and why some are left out."""
    images = [image(n, name=f"a\tb {n}\n", **{**GROUP, **k}) for n, (k, _, _) in enumerate(KINDS)]
    collection(server, images)
    for number in range(len(KINDS)):
        server.pages[f"/media/images/77/map%20{number}.nii.gz"] = Page(brain())
    folder = fetch(server, tmp_path)
    rows = pd.read_table(folder / "contrasts.tsv", dtype=str, keep_default_na=False)
    columns = [name for name in rows if name.endswith("_map")]
    for number, (_, column, reason) in enumerate(KINDS):
        row = rows.iloc[number]
        maps = {name: row[name] for name in columns if row[name] != "n/a"}
        assert maps == ({column: f"image_{number}.nii.gz"} if column else {})
        assert (row["include_reason"], row["include"]) == (
            (reason, "false") if reason else ("n/a", "true")
        )
        assert row["contrast_name"] == f"a b {number}"
    assert rows["sample_size"].tolist()[:4] == ["20", "12", "n/a", "n/a"]
    (source,) = nimare_pipeline.io.read(folder)
    assert source.dataset.ids.tolist() == [f"collection77-{n}" for n in range(len(KINDS))]
    assert source.dataset.images["t__relative"].tolist()[0] == "image_0.nii.gz"


def test_a_table_of_the_user_stays(server: Server, tmp_path: Path) -> None:
    """What was corrected by hand is replaced with ``overwrite`` only."""
    collection(server, [image(1)])
    mine = fetch(server, tmp_path) / "contrasts.tsv"
    mine.write_text("corrected")
    fetch(server, tmp_path)
    assert mine.read_text() == "corrected"
    fetch(server, tmp_path, overwrite=True)
    assert mine.read_text().startswith("study_id")


def pack(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in files.items():
            packed.writestr(name, body)
    return stream.getvalue()


def pain(**packs: bytes) -> Page:
    """Collection of packs as the site gives it: one folder of zip files."""
    return Page(pack({f"pain/{name}.nidm.zip": body for name, body in packs.items()}))


def fetch_pain(server: Server, folder: Path, **options: object) -> Path:
    found = extract.download_nidm_pain(folder, base_url=server.url, retries=QUICK, **options)
    return Path(found)


def test_packs_are_unpacked(server: Server, tmp_path: Path) -> None:
    """Each pack is a folder of its name, which the paths of the pain Dataset begin with."""
    server.pages[PAIN] = pain(
        pain_01=pack({"TStatistic.nii.gz": IMAGE, "sub/nidm.ttl": b"x"}),
        pain_02=pack({"TStatistic.nii.gz": IMAGE}),
    )
    folder = fetch_pain(server, tmp_path)
    assert folder == tmp_path / "nidm_21pain"
    assert (folder / "pain_01.nidm/TStatistic.nii.gz").read_bytes() == IMAGE
    assert (folder / "pain_01.nidm/sub/nidm.ttl").read_bytes() == b"x"
    assert sorted(path.name for path in folder.iterdir()) == [
        "description.txt", "pain_01.nidm", "pain_02.nidm",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["nidm_21pain"]
    fetch_pain(server, tmp_path)
    assert len(server.requests) == 1


def test_paths_of_the_pain_studies(server: Server, tmp_path: Path, shared_data: Path) -> None:
    """The folder is what the field's own Dataset of these studies looks for its images in."""
    dataset = Dataset(shared_data / "nimare_json/nidm_pain_dset.json")
    paths = dataset.images["t__relative"].dropna().tolist()
    assert len(paths) == 21
    names = [Path(path).parts for path in paths]
    server.pages[PAIN] = pain(
        **{folder.removesuffix(".nidm"): pack({file: IMAGE}) for folder, file in names}
    )
    dataset.update_path(fetch_pain(server, tmp_path))
    assert all(Path(path).is_file() for path in dataset.images["t"])


def test_packs_again(server: Server, tmp_path: Path) -> None:
    """``overwrite`` replaces the folder by a new one."""
    server.pages[PAIN] = pain(pain_01=pack({"a": b"1"}))
    fetch_pain(server, tmp_path)
    server.pages[PAIN] = pain(pain_02=pack({"b": b"2"}))
    folder = fetch_pain(server, tmp_path, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == ["description.txt", "pain_02.nidm"]
    assert [path.name for path in tmp_path.iterdir()] == ["nidm_21pain"]


def test_a_folder_of_the_user_stays(server: Server, tmp_path: Path) -> None:
    """A folder of that name with something else in it is not touched."""
    (tmp_path / "nidm_21pain").mkdir()
    (tmp_path / "nidm_21pain" / "mine").write_text("x")
    server.pages[PAIN] = pain(pain_01=pack({"a": b"1"}))
    with pytest.raises(OutputError, match="holds something else; name another folder"):
        fetch_pain(server, tmp_path)
    assert (tmp_path / "nidm_21pain" / "mine").read_text() == "x"


def linked(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        info = zipfile.ZipInfo(name)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(info, "/etc")
    return stream.getvalue()


def twice(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr(name, "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr(name, "2")
    return stream.getvalue()


OUTSIDE = "a file that would lie outside the folder"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda: pack({"../evil": b"x"}), OUTSIDE),
        (lambda: pack({"a/../../evil": b"x"}), OUTSIDE),
        (lambda: pack({"/tmp/evil": b"x"}), OUTSIDE),  # noqa: S108
        (lambda: pack({"..\\evil": b"x"}), OUTSIDE),
        (lambda: pack({"C:\\evil": b"x"}), OUTSIDE),
        (lambda: linked("evil"), "a link"),
        (lambda: twice("a"), "a file twice"),
        (lambda: pack({"a": b"x"})[:-5], "cannot be unpacked"),
        (lambda: b"PK nonsense", "cannot be unpacked"),
        (lambda: pack({"a": bytes(2**28)}), "unpacks to more than is sane"),
    ],
)  # fmt: skip
def test_hostile_packs(body, said: str, server: Server, tmp_path: Path) -> None:
    """Nothing lands outside, nothing half unpacked stays, and one error says why."""
    server.pages[PAIN] = pain(pain_01=pack({"a": b"1"}), pain_02=body())
    inside = tmp_path / "inside"
    with pytest.raises(DataError, match=said):
        fetch_pain(server, inside)
    assert list(inside.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_a_damaged_file_in_a_pack(server: Server, tmp_path: Path) -> None:
    """Bytes that changed on the way are seen by the sum in the pack."""
    whole = pack({"pain/pain_01.nidm.zip": bytes(range(256)) * 8})
    at = whole.index(b"pain_01.nidm.zip") + 60
    server.pages[PAIN] = Page(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    with pytest.raises(DataError, match=r"nidm_21pain\.zip cannot be unpacked"):
        fetch_pain(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_packs_that_are_not_there(server: Server, tmp_path: Path) -> None:
    """A collection without packs is not taken for one."""
    server.pages[PAIN] = Page(pack({"pain/map.nii.gz": IMAGE}))
    with pytest.raises(DataError, match=r"there are no packs \(\*\.nidm\.zip\)"):
        fetch_pain(server, tmp_path)


def test_too_many_files(server: Server, tmp_path: Path, monkeypatch) -> None:
    """The number of files is bounded, over all packs."""
    monkeypatch.setattr(archives, "_MOST_FILES", 3)
    monkeypatch.setattr(archives.Budget, "of", lambda _path: archives.Budget(2**20, 3))
    server.pages[PAIN] = pain(pain_01=pack({"a": b"1", "b": b"2", "c": b"3"}))
    with pytest.raises(DataError, match="unpacks to more than is sane"):
        fetch_pain(server, tmp_path)


def test_an_archive_survives_a_full_disk(server: Server, tmp_path: Path, monkeypatch) -> None:
    """Where the disk is to blame, what was downloaded stays for the next call."""
    server.pages[PAIN] = pain(pain_01=pack({"a": b"1"}))

    def full(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(neurovault, "_unpack_packs", full)
        with pytest.raises(OSError, match="No space left"):
            fetch_pain(server, tmp_path)
    fetch_pain(server, tmp_path)
    assert len(server.requests) == 1


def test_log_of_a_collection_is_quiet(server: Server, tmp_path: Path, caplog) -> None:
    """A download without trouble says nothing."""
    collection(server, [image(1)])
    with caplog.at_level(logging.DEBUG, "nimare_pipeline"):
        fetch(server, tmp_path)
    assert caplog.text == ""
