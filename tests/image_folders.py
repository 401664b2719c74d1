"""Folders of images in the layouts of other programs, for tests."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy.io import savemat

from tests.image_sets import AFFINE, noise, write

NIDM_HEAD = """\
@prefix nidm: <http://purl.org/nidash/nidm#> .
@prefix niiri: <http://iri.nidash.org/> .
@prefix nfo: <http://www.semanticdesktop.org/ontologies/2007/03/22/nfo#> .
@prefix obo: <http://purl.obolibrary.org/obo/> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

niiri:space a nidm:NIDM_0000016, prov:Entity ; nidm:NIDM_0000105 nidm:{system} .
"""
T, Z, F = "obo:STATO_0000176", "obo:STATO_0000376", "obo:STATO_0000282"
MNI, SUBJECT, TALAIRACH = "NIDM_0000051", "NIDM_0000077", "NIDM_0000078"


def entity(name: str, kind: str, file: str, *, made_by: str, contrast: str, more: str = "") -> str:
    """A map of a NIDM-Results document."""
    return f"""
niiri:{name} a nidm:{kind}, prov:Entity ; rdfs:label "{name}" ;
    nidm:NIDM_0000085 "{contrast}"^^xsd:string ; nidm:NIDM_0000104 niiri:space ; {more}
    nfo:fileName "{file}"^^xsd:string ; prov:atLocation "file://./{file}"^^xsd:anyURI ;
    prov:wasGeneratedBy niiri:{made_by} .
"""


def nidm(
    contrasts: Mapping[str, Sequence[str]] = {"pain": ("t", "beta", "se")},
    *,
    sizes: Sequence[int] = (20,),
    dof: float = 19.0,
    system: str = MNI,
    peaks: Sequence[Sequence[float]] = ((10, -20, 30),),
    readable: bool = False,
) -> str:
    """Document of a pack, as its exporters write it, with the images of each contrast."""
    text = NIDM_HEAD.replace("{system}", system)
    for number, size in enumerate(sizes):
        text += (
            f'\nniiri:group{number} a prov:Agent, obo:STATO_0000193 ; nidm:NIDM_0000170 "g" ;\n'
        )
        text += f'    nidm:NIDM_0000171 "{size}"^^xsd:int .\n'
    for number, (name, kinds) in enumerate(contrasts.items(), 1):
        at = {"made_by": f"estimation{number}", "contrast": name}
        end = f"_T{number:03d}.nii.gz"
        for kind in kinds:
            if kind in ("t", "z", "F"):
                statistic = {"t": T, "z": Z, "F": F}[kind]
                df = "inf" if kind == "z" else f"{dof}"
                more = f'nidm:NIDM_0000123 {statistic} ; nidm:NIDM_0000093 "{df}"^^xsd:float ;'
                file = f"{kind.upper()}Statistic{end}"
                text += entity(f"{kind}{number}", "NIDM_0000076", file, **at, more=more)
            else:
                term, file = {
                    "beta": ("NIDM_0000002", f"Contrast{end}"),
                    "se": ("NIDM_0000013", f"ContrastStandardError{end}"),
                    "varcope": ("NIDM_0000135", f"varcope{number}.nii.gz"),
                }[kind]
                text += entity(f"{kind}{number}", term, file, **at)
        used = " , ".join(f"niiri:{kind}{number}" for kind in kinds if kind in "tzF")
        text += (
            f"\nniiri:inference{number} a nidm:NIDM_0000049, prov:Activity ; prov:used {used} ."
        )
        text += f"""
niiri:set{number} a nidm:NIDM_0000025 ; prov:wasGeneratedBy niiri:inference{number} .
niiri:cluster{number} a nidm:NIDM_0000070 ; prov:wasDerivedFrom niiri:set{number} .
"""
        for place, xyz in enumerate(peaks, 1):
            who = f"{number}x{place}"
            vector = ", ".join(map(str, xyz))
            text += f"""
niiri:at{who} a nidm:NIDM_0000015, prov:Location ; nidm:NIDM_0000086 "[ {vector} ]"^^xsd:string .
niiri:peak{who} a nidm:NIDM_0000062 ; rdfs:label "Peak {place:04d}" ;
    nidm:NIDM_0000092 "{5 - place / 8}"^^xsd:float ;
    prov:atLocation niiri:at{who} ; prov:wasDerivedFrom niiri:cluster{number} .
"""
    return _in_words(text) if readable else text


def _in_words(text: str) -> str:
    from nimare_pipeline.io._nidm_graph import TERMS

    for word, number in TERMS.items():
        text = text.replace(f"nidm:{number} ", f"nidm:{word} ").replace(
            f"nidm:{number},", f"nidm:{word},"
        )
    return text


def pack(folder: Path, document: str, name: str = "nidm.ttl", *, without: str = "-") -> Path:
    """Folder of a pack with the images that a document names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(document)
    for file in sorted({part.split('"')[0] for part in document.split("file://./")[1:]}):
        if without not in file:
            write(folder / file, noise(len(file)))
    return folder


def zipped(folder: Path, archive: Path, prefix: str = "") -> Path:
    """Zip file of a folder."""
    with zipfile.ZipFile(archive, "w") as packing:
        for path in sorted(folder.iterdir()):
            packing.write(path, f"{prefix}{path.name}")
    return archive


def image_of_neurovault(folder: Path, number: int, **about: Any) -> None:
    """An image and what the site says of it, as nilearn lays them."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"image_{number}.nii.gz", noise(number))
    said = {
        "id": number,
        "name": f"image {number}",
        "file": f"http://neurovault.org/media/images/7/map{number}.nii.gz",
        "collection": "http://neurovault.org/collections/7/",
        "collection_id": 7,
        "map_type": "Z map",
        "analysis_level": "group",
        "number_of_subjects": 20,
        "is_thresholded": False,
        "not_mni": False,
        "brain_coverage": 91.5,
        "target_template_image": "GenericMNI",
        **about,
    }
    (folder / f"image_{number}_metadata.json").write_text(json.dumps(said))


def collection(folder: Path, **about: Any) -> None:
    """What the site says of a collection."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {"id": 7, "name": "Faces", "DOI": "10.1/x", **about}
    (folder / "collection_metadata.json").write_text(json.dumps(said))


def same(values: Any, other: Any) -> bool:
    """Whether two arrays are equal to the last bit."""
    return bool(np.array_equal(np.asarray(values), np.asarray(other)))


def feat(
    folder: Path,
    *,
    names: Sequence[str] = ("group mean",),
    level: int = 2,
    n: int = 15,
    mixed: int = 2,
    lower: str = "",
    kinds: Sequence[str] = ("cope", "varcope", "tstat", "zstat"),
) -> Path:
    """A folder of FEAT with the files that a meta-analysis looks at, as FSL 6 writes them."""
    stats = folder / "stats"
    stats.mkdir(parents=True)
    (folder / "design.fsf").write_text(
        "# FEAT version number\nset fmri(version) 6.00\n\n"
        f"# Analysis level\nset fmri(level) {level}\n"
        f"set fmri(npts) {n}\nset fmri(multiple) {n}\nset fmri(mixed_yn) {mixed}\n"
        'set fmri(regstandard) "/opt/fsl/data/standard/MNI152_T1_2mm_brain"\n'
    )
    lines = [f"/ContrastName{number}\t{name}" for number, name in enumerate(names, 1)]
    lines += ["/NumWaves\t1", f"/NumContrasts\t{len(names)}", "/PPheights\t1.0", "", "/Matrix"]
    (folder / "design.con").write_text("\n".join([*lines, *("1.0" for _ in names), ""]))
    rows = "\n".join(["1.0"] * n)
    (folder / "design.mat").write_text(f"/NumWaves\t1\n/NumPoints\t{n}\n\n/Matrix\n{rows}\n")
    if lower:
        (folder / "design.lev").write_text(f"{lower}\n")
    for number in range(1, len(names) + 1):
        for kind in kinds:
            write(stats / f"{kind}{number}.nii.gz", noise(number))
    write(stats / "pe1.nii.gz", noise(9))
    (stats / "dof").write_text(f"{n - 1}\n")
    return folder


def spm(
    folder: Path,
    *,
    contrasts: Mapping[str, tuple[str, Sequence[float]]] = {"pain": ("T", [1])},
    design: Any = None,
    kind: str = "One sample t-test",
    factors: Sequence[str] = ("repl", "", "", ""),
    levels: Any = None,
    session: bool = False,
    end: str = ".nii",
    **fields: Any,
) -> Path:
    """A folder of SPM12 after a group analysis; SPM.mat with the nesting that MATLAB gives it."""
    folder.mkdir(parents=True, exist_ok=True)
    x = np.ones((12, 1)) if design is None else np.asarray(design, dtype=float)
    n = len(x)
    covariance = np.linalg.pinv(x.T @ x)
    ordinals = np.array(levels if levels is not None else [[i, 1, 1, 1] for i in range(1, n + 1)])
    text = np.array([""], dtype=object)
    dtype = [(name, object) for name in ("name", "STAT", "c", "eidf", "Vcon", "Vspm")]
    xcon = np.empty((1, len(contrasts)), dtype=dtype)
    for at, (name, (statistic, weights)) in enumerate(contrasts.items()):
        first, stem = ("con", "spmT") if statistic == "T" else ("ess", "spmF")
        number = f"{at + 1:04d}{end}"
        c = np.asarray(weights, dtype=float).reshape(-1, x.shape[1]).T
        xcon[0, at] = (
            *(name, statistic, c, 1.0),
            {"fname": f"{first}_{number}", "dim": [8.0, 9.0, 10.0], "private": text},
            {"fname": f"{stem}_{number}", "descrip": f"SPM{{{statistic}}}"},
        )
        save_as(folder / f"{first}_{number}", noise(at))
        save_as(folder / f"{stem}_{number}", noise(at + 20))
    save_as(folder / f"ResMS{end}", np.abs(noise(40)) + 1)
    save_as(folder / f"mask{end}", np.ones_like(noise(0)))
    sf = np.array(list(factors), dtype=object).reshape(1, -1)
    whole = {
        "swd": str(folder),
        "nscan": float(n),
        "xX": {
            "X": x, "iH": 1.0, "name": np.array([["mean"]], dtype=object), "I": ordinals,
            "sF": sf, "erdf": float(n - x.shape[1]), "trRV": float(n - x.shape[1]),
            "Bcov": covariance, "xKXs": {"X": x, "rk": float(x.shape[1])},
        },
        "xY": {"P": np.array([[f"con{i}.nii,1"] for i in range(n)], dtype=object)},
        "xsDes": {"Design": kind},
        "VResMS": {"fname": f"ResMS{end}"},
        "xCon": xcon,
    }  # fmt: skip
    if session:
        whole["Sess"] = {"U": {"name": "on"}, "row": np.arange(1.0, n + 1)}
    savemat(folder / "SPM.mat", {"SPM": {**whole, **fields}}, do_compression=True)
    return folder


def save_as(path: Path, values: Any) -> Path:
    """A NIfTI file, or a pair of Analyze files as SPM99 wrote them."""
    if path.suffix != ".img":
        return write(path, values)
    nib.save(nib.Spm99AnalyzeImage(values, AFFINE), path)
    return path
