"""Writing Sleuth text as GingerALE reads it.

::

    //Reference=MNI
    //Smith et al., 2019: Working memory > baseline
    //Subjects=23
    -7.5<tab>8.5<tab>-9.5

One space in a file, on its first line; one sample size an experiment; nothing but foci below it.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from nimare_pipeline import defaults, spaces
from nimare_pipeline.contrast import Contrast
from nimare_pipeline.io import sleuth
from nimare_pipeline.io._native_cells import number_text

NAMES = {"MNI": "MNI", "TAL": "Talairach"}
"""What the first line says of a space."""
_LONGEST = 100
_OPAQUE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9]{12}|[0-9a-f-]{36}")
"""Ids of Neurosynth-Compose: nobody knows a study by them, so that its name goes before."""


def prepared(contrasts: Sequence[Contrast], tal2mni: str) -> tuple[list[Contrast], list[str]]:
    """Contrasts as a Sleuth file has them, and what was done, in words.

    Those without foci are left out: programs take their header for a part of the next one. Foci of
    two spaces are brought into MNI space.
    """
    found = [contrast for contrast in contrasts if len(contrast.xyz)]
    known = {spaces.recognise(space) for contrast in found for space in contrast.spaces}
    notes = []
    if len(known) > 1:
        found = [in_mni(contrast, tal2mni) for contrast in found]
        notes.append(
            f"a Sleuth file has one space: Talairach foci are converted to MNI (tal2mni {tal2mni})"
        )
    return [replace(one, sample_sizes=_one_size(one.sample_sizes)) for one in found], notes


def in_mni(contrast: Contrast, tal2mni: str) -> Contrast:
    """The contrast with all its foci in MNI space."""
    known = [spaces.recognise(space) for space in contrast.spaces]
    if "TAL" not in known:
        return contrast
    return replace(contrast, xyz=contrast.to_mni(tal2mni), spaces=("MNI",) * len(known))


def write(contrasts: Sequence[Contrast], path: Path, *, name: str = "") -> None:
    """Write contrasts that :func:`prepared` returned, an experiment at a time."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        space = spaces.recognise(contrasts[0].spaces[0]) if contrasts else None
        stream.write(f"//Reference={NAMES[space or 'MNI']}\n")
        for contrast, title in zip(contrasts, Titles(contrasts), strict=True):
            stream.write(_experiment(contrast, title))


@dataclass
class Titles:
    """Header of each contrast: one from which the reader makes its ids, or else unique ones.

    Attributes
    ----------
    studies : dict
        Text of a study in headers and the id that the reader makes of it, by the study's own id.
    used : set of str
        Ids of contrasts that the headers so far give.
    """

    contrasts: Sequence[Contrast]
    studies: dict[str, tuple[str, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[str]:
        # Ids that can stand as they are go first: no made-up one may take their place.
        kept = [_kept(contrast) for contrast in self.contrasts]
        for contrast, title in zip(self.contrasts, kept, strict=True):
            if title:
                self.studies[contrast.study_id] = contrast.study_id, contrast.study_id
                self.used.add(contrast.id)
        for contrast, title in zip(self.contrasts, kept, strict=True):
            yield title or self.made(contrast)

    def made(self, contrast: Contrast) -> str:
        """Header as near to what the contrast is called as can be."""
        if contrast.study_id not in self.studies:
            self.studies[contrast.study_id] = self.study(contrast)
        study, ident = self.studies[contrast.study_id]
        name = contrast.metadata.get("contrast_name")
        for text in _texts(name, contrast.contrast_id, "contrast"):
            found = _ids(f"{study}: {text}", contrast)
            if found and found[0] == ident and "-".join(found) not in self.used:
                self.used.add("-".join(found))
                return f"{study}: {text}"
        msg = f"no header for {contrast.id!r}"  # numbers never end
        raise AssertionError(msg)

    def study(self, contrast: Contrast) -> tuple[str, str]:
        """Text of a study that no other has, and the id that the reader makes of it."""
        taken = {ident for _, ident in self.studies.values()}
        name = contrast.metadata.get("study_name")
        # A colon would end the name of the study.
        whole = re.sub(r"\s*[:;]+\s*", " - ", name) if isinstance(name, str) else None
        for text in _texts(name, whole, contrast.study_id, "study"):
            found = _ids(f"{text}: contrast", None)
            # A header that names no study is a study of its own, each time that it stands there.
            named = found and not found[0].startswith(defaults.UNKNOWN_STUDY)
            if found and named and found[0] not in taken and found[1] == "contrast":
                return text, found[0]
        msg = f"no header for study {contrast.study_id!r}"
        raise AssertionError(msg)


def _kept(contrast: Contrast) -> str:
    """Header that gives the contrast's ids; empty if none does."""
    study, name = (contrast.metadata.get(field) for field in ("study_name", "contrast_name"))
    pairs = [(study, name)]
    if not (isinstance(study, str) and _OPAQUE.fullmatch(contrast.study_id)):
        pairs.append((contrast.study_id, contrast.contrast_id))
    number = re.search(r"_\d+$", contrast.contrast_id)
    if number:  # a header that stood more than once
        pairs.insert(1, (study, f"{name}{number.group()}"))
    for one, other in pairs:
        title = f"{one}: {other}"
        if isinstance(one, str) and _ids(title, contrast) == (
            contrast.study_id,
            contrast.contrast_id,
        ):
            return title
    return ""


def _texts(*names: Any) -> Iterator[str]:
    """Texts to try: the names as they are, in letters and digits, and with numbers."""
    texts = [name for name in names if isinstance(name, str) and name]
    plain = list(dict.fromkeys(map(_plain, texts)))
    yield from texts[:-1]
    yield from plain
    yield from (f"{name}_{number}" for number in count(2) for name in plain)


def _ids(title: str, contrast: Contrast | None) -> tuple[str, str] | None:
    """Ids that the reader makes of a header; None if it takes it for something else."""
    if title != " ".join(title.split()) or not title.isprintable():
        return None
    try:
        title.encode()
    except UnicodeEncodeError:
        return None
    found, _ = sleuth.parse(f"//Reference=MNI\n//{title}\n{_subjects(contrast)}1 2 3\n")
    sizes = contrast.sample_sizes if contrast else ()
    if len(found) != 1 or len(found[0].xyz) != 1 or found[0].sample_sizes != sizes:
        return None
    return found[0].study_id, found[0].contrast_id


def _experiment(contrast: Contrast, title: str) -> str:
    rows = ("\t".join(map(number_text, point)) for point in contrast.xyz.tolist())
    return "".join(f"{line}\n" for line in (f"//{title}", *_lines(contrast), *rows, ""))


def _lines(contrast: Contrast) -> list[str]:
    text = _subjects(contrast).strip()
    return [text] if text else []


def _subjects(contrast: Contrast | None) -> str:
    return f"//Subjects={contrast.sample_sizes[0]}\n" if contrast and contrast.sample_sizes else ""


def _one_size(sizes: Sequence[float]) -> tuple[float, ...]:
    whole = math.floor(min(sizes)) if sizes else 0
    return (whole,) if whole else ()


def _plain(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z_.+]+", "_", text)[:_LONGEST].strip("_.") or "x"
