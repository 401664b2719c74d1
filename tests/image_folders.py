"""Folders of images in the layouts of other programs, for tests."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.image_sets import noise, write

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
