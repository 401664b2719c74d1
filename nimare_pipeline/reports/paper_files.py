"""One figure for a paper as files: SVG, PNG, and JSON that says what they show and are made of."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nimare_pipeline.reports import canvas, paper_brains
from nimare_pipeline.writing import write_file

FORMATS = (".svg", ".png")
_DRAWN_BY = ("brains", "canvas", "paper_brains", "paper_files", "paper_scale", "sheet")


@dataclass(frozen=True)
class PaperFigure:
    """A figure to be written.

    Parameters
    ----------
    layer : Layer
    cuts : tuple of int
        Heights of the slices, mm; empty for a glass brain.
    source : str
        Path of the map that is shown, relative to the output folder.
    inputs : tuple of Path
        Maps that the figure depends on.
    shared : bool
        Whether other analyses have the same range of colours.
    """

    layer: paper_brains.Layer
    cuts: tuple[int, ...]
    source: str
    inputs: tuple[Path, ...]
    shared: bool

    def draw(self) -> tuple[bytes, bytes]:
        """SVG and PNG."""
        with canvas.style():
            if self.cuts:
                return paper_brains.mosaic(self.cuts, self.layer)
            return paper_brains.glass(self.layer)

    def sidecar(self) -> dict[str, Any]:
        """What is known of it before it is drawn."""
        scale = self.layer.scale
        return {
            "Description": self.layer.legend,
            "Sources": [f"bids::{self.source}"],
            "ColorRange": [scale.low, scale.high],
            "TwoSided": scale.two_sided,
            "CommonRange": self.shared,
            **({"Slices": list(self.cuts)} if self.cuts else {}),
            "Recipe": self._recipe(),
        }

    def _recipe(self) -> str:
        """Digest of all that the figure is made of."""
        layer = self.layer
        looks = [asdict(layer.scale), self.cuts, layer.legend, layer.fade_below, layer.ends]
        content = [hashlib.sha256(path.read_bytes()).hexdigest() for path in self.inputs]
        parts = [self.source, *content, json.dumps(looks), _code_digest()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def write_figure(figure: PaperFigure, path: Path) -> tuple[Path, ...]:
    """Draw a figure and write its files, unless they are there and would come out the same.

    Parameters
    ----------
    figure : PaperFigure
    path : Path
        Of the SVG; the PNG and the sidecar lie beside it.

    Returns
    -------
    tuple of Path
        SVG and PNG.
    """
    paths = {extension: path.with_suffix(extension) for extension in FORMATS}
    beside = path.with_suffix(".json")
    known = figure.sidecar()
    if not _is_fresh(paths, read_sidecar(beside), known):
        drawn = dict(zip(FORMATS, figure.draw(), strict=True))
        for extension, content in drawn.items():
            write_file(paths[extension], content)
        digests = {e: hashlib.sha256(content).hexdigest() for e, content in drawn.items()}
        text = json.dumps({**known, "SHA256": digests}, indent=2, ensure_ascii=False)
        write_file(beside, f"{text}\n".encode())
    return tuple(paths.values())


def read_sidecar(path: Path) -> dict[str, Any]:
    """Content of a sidecar; nothing if it is missing or damaged, as it is written again then."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _is_fresh(
    paths: Mapping[str, Path], written: dict[str, Any], known: Mapping[str, Any]
) -> bool:
    """Whether the files are there, whole, and of the same recipe."""
    digests = written.pop("SHA256", None)
    if written != known or not isinstance(digests, Mapping):
        return False
    return all(
        path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digests.get(extension)
        for extension, path in paths.items()
    )


@cache
def _code_digest() -> str:
    """Digest of the code that draws: changed code draws again."""
    import matplotlib as mpl
    import nilearn

    digest = hashlib.sha256(f"{mpl.__version__} {nilearn.__version__}".encode())
    for name in _DRAWN_BY:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()
