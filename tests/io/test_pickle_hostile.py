"""Hostile pickles: each is refused by what it does, without running, hanging or filling memory."""

import gzip
import os
import pickle
import resource
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import _pickle_ops, nimare_pickle
from nimare_pipeline.io._pickle_records import Record, RefusedError

PICKLES = Path(__file__).resolve().parents[1] / "reference" / "nimare_pickles"
REAL = gzip.decompress((PICKLES / "0.22.1.pkl.gz").read_bytes())
DATASET = b"\x80\x04cnimare.dataset\nDataset\n)\x81"
"""The beginning of a pickled Dataset: the object, still empty."""


def text(value: str) -> bytes:
    body = value.encode()
    return b"X" + struct.pack("<I", len(body)) + body


def fields(**values: bytes) -> bytes:
    """A Dataset with these attributes, each an instruction that makes one value."""
    parts = b"".join(text(name) + body for name, body in values.items())
    return DATASET + b"}(" + parts + b"ub."


def call(module: str, name: str, *args: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(args) + b"tR"


def dtype(code: str) -> bytes:
    return call("numpy", "dtype", text(code), b"\x89", b"\x88")


def array(code: str, shape: tuple[int, ...], body: bytes) -> bytes:
    """Array of numpy; ``body`` makes its bytes or its list."""
    sizes = b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", n) for n in shape) + b"t"
    made = call(
        "numpy.core.multiarray", "_reconstruct", b"cnumpy\nndarray\n", b"(K\x00t", b"C\x01b"
    )
    return made + b"(K\x01" + sizes + dtype(code) + b"\x89" + body + b"tb"


def raw(body: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(body)) + body


def listed(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"l"


def frame(columns: list[str], *blocks: bytes) -> bytes:
    """DataFrame; each block is one with its place."""
    names = array("O8", (len(columns),), listed(*map(text, columns)))
    axis = call(
        "pandas.core.indexes.base", "_new_Index", *INDEX, b"}(" + text("data") + names + b"u"
    )
    manager = call(
        "pandas.core.internals.managers",
        "BlockManager",
        b"(" + b"".join(blocks) + b"t",
        listed(axis, axis),
    )
    made = b"cpandas.core.frame\nDataFrame\n)\x81"
    return made + b"}(" + text("_mgr") + manager + b"ub"


INDEX = (b"cpandas.core.indexes.base\nIndex\n",)


def block(values: bytes, start: int, stop: int) -> bytes:
    place = call("builtins", "slice", *(b"J" + struct.pack("<i", n) for n in (start, stop, 1)))
    return call("pandas._libs.internals", "_unpickle_block", values, place, b"K\x02")


def ids_block(n: int = 1) -> bytes:
    cells = [text("s-1")] * n + [text("s")] * n + [text("1")] * n
    return block(array("O8", (3, n), listed(*cells)), 0, 3)


IDS = ["id", "study_id", "contrast_id"]


def whole(**tables: bytes) -> bytes:
    """A Dataset of one contrast, with some of its tables replaced."""
    one = block(array("f8", (3, 1), raw(struct.pack("<3d", 1, 2, 3))), 3, 6)
    usual = {
        "coordinates": frame([*IDS, "x", "y", "z"], ids_block(), one),
        **{
            name: frame(IDS, ids_block())
            for name in ("metadata", "images", "annotations", "texts")
        },
    }
    attributes = {f"_Dataset__{name}": body for name, body in (usual | tables).items()}
    return fields(**attributes, space=text("mni152_2mm"))


def cell(body: bytes) -> bytes:
    """A Dataset with one cell of metadata."""
    extra = block(array("O8", (1, 1), listed(body)), 3, 4)
    return whole(metadata=frame([*IDS, "a"], ids_block(), extra))


def spaces(*names: str) -> bytes:
    """A Dataset of one contrast with a focus in each of these spaces."""
    n = len(names)
    cells = array("O8", (1, n), listed(*map(text, names)))
    xyz = block(array("f8", (3, n), raw(struct.pack(f"<{3 * n}d", *[10] * 3 * n))), 3, 6)
    columns = [*IDS, "x", "y", "z", "space"]
    return whole(coordinates=frame(columns, ids_block(n), xyz, block(cells, 6, 7)))


def refused(body: bytes, tmp_path: Path) -> str:
    """What is said of a pickle, packed and not."""
    said = []
    for name, content in (("a.pkl", body), ("a.pkl.gz", gzip.compress(body, 1))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as error:
            Dataset.load(tmp_path / name)
        said.append(str(error.value).replace(name, "FILE"))
    assert said[0] == said[1]
    return said[0]


def test_what_the_helpers_make_is_read(tmp_path) -> None:
    """The pickles of these tests are Datasets, but for what is hostile in them."""
    (tmp_path / "a").write_bytes(cell(text("b")))
    dataset = Dataset.load(tmp_path / "a")
    assert dataset.ids.tolist() == ["s-1"]
    assert dataset.coordinates[["x", "y", "z"]].to_numpy().tolist() == [[1, 2, 3]]
    assert dataset.metadata["a"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", [("MNI", 10.0), ("MNI", 10.0), ("UNKNOWN", 10.0), ("MNI", 10.0)]),
        ("mni", [("MNI", 10.0), ("MNI", 10.0), ("UNKNOWN", 10.0), ("MNI", 10.0)]),
        ("exclude", []),
    ],
)
def test_unknown_spaces(tmp_path, policy: str, expected: list[tuple[str, float]]) -> None:
    """Foci of an unknown space are taken as NiMARE takes them, or as is asked for; it is said."""
    path = tmp_path / "a"
    path.write_bytes(spaces("mni152_2mm", "MNI", "UNKNOWN", "ale_2mm"))
    tables, problems = nimare_pickle.read_tables(path, unknown_space=policy)
    found = tables.coordinates[["original_space", "x"]].itertuples(index=False)
    assert [tuple(row) for row in found] == expected
    said = {
        "": "the space of 1 focus is unknown ('UNKNOWN'); they are taken as MNI, as NiMARE does",
        "mni": "unknown space 'UNKNOWN' for 1 contrast (s-1); MNI is assumed",
        "exclude": "unknown space 'UNKNOWN' for 1 contrast (s-1); it is left out",
    }
    assert said[policy] in [problem.message for problem in problems]


def test_fewer_ids_than_rows(tmp_path) -> None:
    """A list of ids that leaves some rows out is a selection."""
    cells = [text(one) for one in ("s-1", "t-1", "s", "t", "1", "1")]
    rows = frame(IDS, block(array("O8", (3, 2), listed(*cells)), 0, 3))
    path = tmp_path / "a"
    path.write_bytes(whole(metadata=rows)[:-3] + text("ids") + listed(text("s-1")) + b"ub.")
    tables, (problem, *_) = nimare_pickle.read_tables(path)
    assert tables.metadata["id"].tolist() == ["s-1"]
    assert problem.message.endswith("differ: 't-1'; the list is taken")


def test_unknown_spaces_refused(tmp_path) -> None:
    """The policy error refuses them."""
    (tmp_path / "a").write_bytes(spaces("UNKNOWN"))
    with pytest.raises(DataError, match="unknown space 'UNKNOWN' for s-1"):
        nimare_pickle.read_tables(tmp_path / "a", unknown_space="error")


def test_ids_as_a_list(tmp_path) -> None:
    """Ids may be a list; that they and the tables differ is said."""
    path = tmp_path / "a"
    for ids, message in ((("s-1",), ""), (("s-1", "z"), "1 id of its list of ids and its tables")):
        more = text("_Dataset__ids") + listed(*map(text, ids))
        path.write_bytes(whole()[:-3] + more + b"ub.")
        _, problems = nimare_pickle.read_tables(path)
        said = " ".join(problem.message for problem in problems)
        assert (message in said) if message else ("ids" not in said)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("builtins", "open"),
        ("__builtin__", "eval"),
        ("importlib", "import_module"),
        ("operator", "attrgetter"),
        ("functools", "reduce"),
        ("types", "FunctionType"),
        ("pickle", "loads"),
        ("marshal", "loads"),
        ("copyreg", "__newobj__"),
        ("numpy", "load"),
        ("numpy", "memmap.__init__"),
        ("numpy.lib.npyio", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.testing._private.utils", "runstring"),
        ("pandas", "eval"),
        ("pandas", "read_pickle"),
        ("pandas.core.computation.eval", "eval"),
        ("pandas.core.frame", "DataFrame.eval"),
        ("pandas.compat.pickle_compat", "load"),
        ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"),
        ("pyarrow.lib", "memory_map"),
        ("joblib", "load"),
        ("joblib.numpy_pickle", "load"),
        ("nibabel", "load"),
        ("nibabel.loadsave", "load"),
        ("nilearn.image", "load_img"),
        ("nilearn.datasets", "fetch_icbm152_2009"),
        ("nimare.dataset", "Dataset.load"),
        ("nimare.utils", "load_json"),
        ("nimarevil", "Dataset"),
        ("nimare..os", "system"),
        ("sklearn.externals", "Joblib"),
        ("pip", "main"),
    ],
)
@pytest.mark.parametrize("way", ["line", "stack", "inst"])
def test_names_that_are_not_listed(tmp_path, module: str, name: str, way: str) -> None:
    """A name that no Dataset needs is refused with that name, however it is written."""
    ways = {
        "line": f"c{module}\n{name}\n".encode() + b"(" + text("touch x") + b"tR",
        "stack": text(module) + text(name) + b"\x93(" + text("touch x") + b"tR",
        "inst": b"(" + text("touch x") + f"i{module}\n{name}\n".encode(),
    }
    said = refused(DATASET + ways[way] + b".", tmp_path)
    assert f"FILE: it names {module}.{name}, which no dataset needs (save it as NIMADS" in said


def test_nothing_is_imported(tmp_path, monkeypatch) -> None:
    """Neither a module that a pickle names is imported, nor one of the packages it may name."""
    (tmp_path / "nimare.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a").write_bytes(REAL)
    assert len(Dataset.load(tmp_path / "a").ids) == 4
    assert not (tmp_path / "ran").exists()
    assert "nimare" not in sys.modules


def test_partial_of_a_listed_name(tmp_path) -> None:
    """A partial call is taken apart only where pandas wrote it: not to call another function."""
    partial = b"cfunctools\npartial\n(cnimare.dataset\nDataset\ntR"
    state = b"(cnimare.dataset\nDataset\n)}NtbR"
    assert "it calls an object of functools.partial" in refused(
        DATASET + partial + state[:-1] + b"(" + text("x") + b"tR.", tmp_path
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"Pid\n", "it points to objects outside of itself (persistent id)"),
        (b"NQ", "it points to objects outside of itself (persistent id)"),
        (b"\x82\x01", "it uses the extension registry, which no dataset needs"),
        (b"\x83\x01\x00", "it uses the extension registry"),
        (b"\x84\x01\x00\x00\x00", "it uses the extension registry"),
        (b"\x97", "its arrays are outside of itself (out-of-band buffers)"),
        (b"\x80\x06", "it is of pickle protocol 6; up to 5 is read"),
        (b"X\xff\xff\xff\xffab", "it is cut short, or damaged"),
        (b"\x8d" + b"\xff" * 8 + b"ab", "it is cut short, or damaged"),
        (b"\x8e\x00\x00\x00\x00\x00\x01\x00\x00ab", "it is cut short, or damaged"),
        (b"\x96\x00\x00\x00\x00\x00\x01\x00\x00ab", "it is cut short, or damaged"),
        (b"B\xff\xff\xff\x7fab", "it is cut short, or damaged"),
        (b"T\xff\xff\xff\xffab", "it is damaged: a text of negative length"),
        (b"\x8b\xff\xff\xff\x7fab", "it has an integer of 2,147,483,647 bytes"),
        (b"\x8b\xff\xff\xff\xff", "it has an integer of -1 bytes"),
        (b"L" + b"9" * 100_000 + b"L\n", "it has an integer of 100,000 digits"),
        (b"I" + b"9" * 100_000 + b"\n", "it has an integer of 100,000 digits"),
        (b"Nr\xff\xff\xff\xff0j\xff\xff\xff\xfe", "it recalls what it never remembered"),
        (b"h\xff", "it recalls what it never remembered"),
        (b"Np-1\n", "no such place in its memory"),
        (b"\x00", "is no instruction"),
        (b"t", "an instruction finds nothing to work on"),
        (b"(0000", "an instruction finds nothing to work on"),
        (b"(a", "an instruction finds nothing to work on"),
        (b"NNR", "it calls what has no name"),
        (b"cnimare.dataset\nDataset\nNR", "Dataset is called without arguments"),
        (b")R", "it calls an object of nimare.dataset.Dataset"),
        (b"0N", "it is no Dataset"),
        (b"}b}b", "nimare.dataset.Dataset gets two states"),
        (b"N}b", "it gives a state to what is no object"),
        (b"N(NNu", "it puts a key into what is no mapping"),
        (b"](Nu", "a key without a value"),
        (b"N(Ne", "it appends to what is no list"),
        (b"X\x02\x00\x00\x00\xff\xfe", "it is damaged at byte"),
        (b"cnimare.dataset\nDataset\n)}\x92", "a mapping was expected"),
        (b"cnimare.dataset\nDataset\n)}(NNu\x92", "it makes an object with keywords"),
        (b"S'abc\n", "a text without quotes"),
        (b"Fabc\n", "it is damaged at byte"),
    ],
)
def test_instructions(tmp_path, body: bytes, message: str) -> None:
    """Instructions that no Dataset needs, or that are damaged, are said in words."""
    assert message in refused(DATASET + body + b".", tmp_path)


@pytest.mark.parametrize(
    ("kind", "name"), [(b"", "no pickle"), (b"cnimare.results\nMetaResult\n)\x81.", "MetaResult")]
)
def test_other_objects_of_nimare(tmp_path, kind: bytes, name: str) -> None:
    """A pickle of another object says what it is."""
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04" + kind)
    with pytest.raises(DataError) as error:
        Dataset.load(tmp_path / "a.pkl")
    expected = (
        "it is a nimare.results.MetaResult, not a Dataset" if kind else "not a saved dataset"
    )
    assert expected in str(error.value)
    assert name


def laughs(depth: int) -> bytes:
    """A list of two of a list of two of ...: 2^depth items in a few bytes."""
    return b"]" + b"".join(b"q\x050(h\x05h\x05l" for _ in range(depth))


CELLS = 2**28
NESTED = b"(" * 100_000 + b"t" * 100_000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (cell(laughs(30)), "its tables are larger than any dataset of its size"),
        (cell(laughs(200)), "a value is nested too deeply, or contains itself"),
        (cell(NESTED), "a value is nested too deeply, or contains itself"),
        (cell(b"]q\x05h\x05a"), "a value is nested too deeply, or contains itself"),
        (
            cell(b"}q\x05" + text("a") + b"h\x05s"),
            "a value is nested too deeply, or contains itself",
        ),
        (cell(b"}(NNu"), "the key of a mapping is no text"),
        (cell(b"C\x01a"), "a cell holds a bytes, which is not read"),
        (cell(b"cnimare.dataset\nDataset\n)\x81"), "a cell holds a nimare.dataset.Dataset"),
        (
            cell(call("numpy.core.multiarray", "scalar", dtype("O8"), raw(b"12345678"))),
            "wrong size",
        ),
        (cell(call("numpy.core.multiarray", "scalar", dtype("f8"), raw(b"123"))), "wrong size"),
        (
            cell(call("numpy.core.multiarray", "scalar", dtype("V8"), raw(b"12345678"))),
            "type 'V8'",
        ),
        (whole(texts=b"N"), "a table was expected"),
        (whole(texts=frame(IDS)), "the columns of a table differ in length"),
        (whole(texts=frame([*IDS, "id"], ids_block())), "the columns of a table differ in length"),
        (
            whole(texts=frame(IDS, block(array("f8", (3, CELLS), raw(b"")), 0, 3))),
            "are larger than",
        ),
        (whole(texts=frame(IDS, block(array("f8", (3, 9), raw(b"")), 0, 3))), "wrong size"),
        (whole(texts=frame(IDS, block(array("f8", (-1, 3), raw(b"")), 0, 3))), "array of no size"),
        (
            whole(texts=frame(IDS, block(array("f8", (1,) * 9, raw(b"")), 0, 3))),
            "has 9 dimensions",
        ),
        (whole(texts=frame(IDS, block(array("U999999999", (1,), raw(b"")), 0, 3))), "is of type"),
        (
            whole(texts=frame(IDS, block(array("U100001", (1,), raw(b"")), 0, 3))),
            "texts of an array",
        ),
        (
            whole(texts=frame(IDS, block(array("U0", (3, CELLS), raw(b"")), 0, 3))),
            "are larger than",
        ),
        (
            whole(texts=frame(IDS, block(array("M8", (1,), raw(b"x" * 8)), 0, 3))),
            "is of type 'M8'",
        ),
        (whole(texts=frame(IDS, block(array("O8", (3, 1), raw(b"")), 0, 3))), "wrong size"),
        (whole(texts=frame(IDS, block(array("f8", (3, 1), b"]"), 0, 3))), "no bytes where bytes"),
        (whole(texts=frame(IDS, block(ids_block(), 0, 3))), "a column is a pandas._libs"),
        (whole(texts=frame(IDS, ids_block(), ids_block())), "a column without a place"),
        (whole(texts=frame(IDS, block(array("O8", (1, 1), b"(Nl"), 0, 3))), "without a place"),
        (fields(space=text("a")), "it is a Dataset without coordinates, metadata"),
        (DATASET + b".", "a mapping was expected"),
    ],
)
def test_values(tmp_path, body: bytes, message: str) -> None:
    """Allowed names with hostile arguments: bombs, sizes that do not fit, kinds not read."""
    assert message in refused(body, tmp_path)


def test_many_references_to_one_array(tmp_path) -> None:
    """A table whose thousand columns are one large array is larger than its file allows."""
    shared = array("O8", (1, 100_000), listed(*[text("s")] * 100_000)) + b"r\x99\x00\x00\x000"
    blocks = [block(b"j\x99\x00\x00\x00", i, i + 1) for i in range(1000)]
    names = [str(i) for i in range(1000)]
    body = DATASET + shared + whole(texts=frame(names, *blocks))[len(DATASET) :]
    assert "its tables are larger than any dataset of its size" in refused(body, tmp_path)


def test_memory_of_a_bomb(tmp_path) -> None:
    """A gzip of zeros, 1000 times its size, is given up long before it is unpacked."""
    path = tmp_path / "a.pkl.gz"
    with gzip.open(path, "wb", compresslevel=9) as stream:
        stream.write(DATASET + b"\x8e" + struct.pack("<Q", 2**31))
        for _ in range(300):
            stream.write(bytes(2**20))
    with pytest.raises(DataError, match=r"larger than \d+,\d+,\d+ bytes, decompressed"):
        Dataset.load(path)


CHILD = """
import resource, sys
from pathlib import Path
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import nimare_pickle
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
try:
    nimare_pickle.read_tables(Path(sys.argv[1]))
except DataError as error:
    print(error.problems[0].message)
"""


@pytest.mark.parametrize(
    "unit",
    [b"]", b")\x85", b"(", b"N\x94", b"}\x94", b"K\x01", b"(l", b"N", b"X\x01\x00\x00\x00\xc2"],
)
def test_memory_and_time_of_many_instructions(tmp_path, unit: bytes) -> None:
    """Megabytes of the smallest instructions end in seconds, within 2 GB."""
    path = tmp_path / "a.pkl"
    path.write_bytes(DATASET + unit * (2**24 // len(unit)) + b".")
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(2 * 10**9)],
        env={**os.environ, "PYTHONPATH": str(Path(nimare_pickle.__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip()
    assert time.monotonic() - start < 60
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 2e6


@pytest.mark.parametrize("cut", [*range(0, 400, 7), *range(400, len(REAL), 211)])
def test_cut_short(tmp_path, cut: int) -> None:
    """A real pickle that was cut anywhere is refused as such."""
    (tmp_path / "a.pkl").write_bytes(REAL[:cut])
    with pytest.raises(DataError, match=r"cut short|not a saved dataset"):
        Dataset.load(tmp_path / "a.pkl")


def test_cut_gzip(tmp_path) -> None:
    """So is its gzip."""
    (tmp_path / "a").write_bytes((PICKLES / "0.22.1.pkl.gz").read_bytes()[:-20])
    with pytest.raises(DataError, match="it is cut short, or damaged"):
        Dataset.load(tmp_path / "a")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(REAL) - 1), st.binary(max_size=4)), max_size=4)
)
def test_damage(tmp_path, changes: list[tuple[int, bytes]]) -> None:
    """A real pickle with wrong bytes is read, or refused in words; nothing else comes of it."""
    body = REAL
    for place, wrong in changes:
        body = body[:place] + wrong + body[place + len(wrong) :]
    path = tmp_path / "a.pkl"
    path.write_bytes(body)
    nimare_pickle.sniff(path)
    try:
        tables, _ = nimare_pickle.read_tables(path)
    except DataError as error:
        said = error.problems or str(error)
    else:
        said = tables.metadata["id"].tolist()
    assert said


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(value=_VALUES, protocol=st.integers(0, 5))
def test_values_of_every_protocol(value: Any, protocol: int) -> None:
    """The instructions mean what Python's own unpickler makes of them."""
    expected = repr(value)
    try:
        found = _pickle_ops.load(pickle.dumps(value, protocol))
    except RefusedError as error:
        assert "integer" in str(error)  # noqa: PT017
        return
    assert repr(_python(found)) == expected


def _python(value: Any) -> Any:
    """What a record stands for, of the kinds above."""
    match value:
        case Record(of=of, args=(str() as body, _)) if str(of) == "_codecs.encode":
            return body.encode("latin-1")
        case Record(of=of) if of.name == "bytes":
            return b""
        case list() if type(value).__name__ == "Pairs":
            return {key: _python(one) for key, one in value}
        case list():
            return [_python(one) for one in value]
        case tuple():
            return tuple(_python(one) for one in value)
    return value


@settings(max_examples=300, deadline=None)
@given(body=st.lists(st.sampled_from([bytes([one]) for one in range(256)]), max_size=60))
def test_any_instructions(body: list[bytes]) -> None:
    """Any sequence of instructions is carried out or refused, whatever it is."""
    for start in (b"\x80\x04", DATASET):
        try:
            _pickle_ops.load(start + b"".join(body) + b".")
        except RefusedError as error:
            assert str(error)  # noqa: PT017
