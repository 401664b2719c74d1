"""``nimare-pipeline fetch NAME``: public data onto this machine, before any run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nimare_pipeline.cli.commands.answers import CommandParser
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.cli.values import nearest
from nimare_pipeline.errors import UsageError
from nimare_pipeline.printable import on_one_line

_DESCRIPTION = """\
Downloads public data and prints where they lie. Nothing else in this program
uses the network. A download that was cut goes on when the command is repeated;
files that are there and right are not downloaded again.

  fetch neurosynth [DIR]            coordinates and labels of 14,371 papers
  fetch neuroquery [DIR]            coordinates and words of 13,459 papers
  fetch neurostore-release [VERSION] [DIR]
                                    everything in NeuroStore, as tables
  fetch neurostore ID [DIR]         one studyset of NeuroStore
  fetch neurovault ID [DIR]         every image of a collection of NeuroVault
  fetch nidm-pain [DIR]             images of 21 studies of pain
  fetch cognitive-atlas [DIR]       terms of the Cognitive Atlas

The data come into a folder of their own below DIR (default:
~/.cache/nimare-pipeline).
"""
_EPILOG = """\
exit status: 0 complete; 64 wrong words; 65 what came is not what it must be;
69 the server does not give it; 73 cannot write there; 74 input/output error;
75 server or network failed for now, or stopped from outside: run the same
command again, it goes on from there.
"""
_WITH_ID = ("neurostore", "neurovault")
_RELEASE = "neurostore-release"
_LABELS = ("source", "vocab", "type")


def run(words: Sequence[str]) -> Outcome:
    """Download what the words after ``fetch`` ask for.

    Raises
    ------
    UsageError
        For wrong words.
    DownloadError, TemporaryDownloadError
        If the server does not give it.
    DataError
        If what came is not what it must be.
    OutputError
        If the place cannot be written.
    """
    options = _parser().parse_args(words)
    fetch, keywords = _call(options)
    from nimare_pipeline.cli import logs, signals

    with signals.graceful(), logs.console(0):
        from nimare_pipeline import extract

        if options.base_url:
            keywords["base_url"] = options.base_url
        found = getattr(extract, fetch)(overwrite=options.overwrite, **keywords)
    files = list(dict.fromkeys(_files(found)))
    for file in files:
        print(on_one_line(file))
    folder = files[0] if Path(files[0]).is_dir() else str(Path(files[0]).parent)
    return Outcome(ExitCode.OK, f"{options.name} is complete", folder)


def _call(options: Any) -> tuple[str, dict[str, Any]]:
    """Name of the function and its keywords.

    Raises
    ------
    UsageError
        If words are missing, too many, or do not go with the name.
    """
    name, rest = options.name, list(options.rest)
    if name not in _CALLS:
        near = nearest(name, _CALLS)
        hint = f"; did you mean {near}?" if near else "."
        msg = f"fetch knows no data called {name!r}{hint} It knows {', '.join(_CALLS)}"
        raise UsageError(msg)
    keywords: dict[str, Any] = {}
    if name in _WITH_ID or name == _RELEASE:
        keyword = {"neurostore": "studyset_id", "neurovault": "collection_id"}.get(name, "version")
        if rest:
            keywords[keyword] = rest.pop(0)
        elif name in _WITH_ID:
            msg = f"fetch {name} needs the ID of what to fetch; usage: fetch {name} ID [DIR]"
            raise UsageError(msg)
    if rest:
        keywords["data_dir"] = rest.pop(0)
    if rest:
        msg = f"fetch {name} has too many words: {' '.join(rest)}"
        raise UsageError(msg)
    return _CALLS[name], {**keywords, **_chosen(options)}


def _chosen(options: Any) -> dict[str, Any]:
    """Options that choose what of the data."""
    allowed: dict[str, tuple[str, ...]] = {
        "neurosynth": ("version", *_LABELS, "unpack"),
        "neuroquery": ("version", *_LABELS),
        "neurostore": ("annotation_id",),
    }
    given = {
        key: getattr(options, key)
        for key in ("version", *_LABELS, "unpack", "annotation_id")
        if getattr(options, key)
    }
    for key in given:
        if key not in allowed.get(options.name, ()):
            msg = f"{_OPTIONS[key]} does not go with {options.name}"
            raise UsageError(msg)
    return given


def _files(found: Any) -> list[str]:
    """Paths in what a function returned, in order."""
    if isinstance(found, str):
        return [found]
    values = found.values() if isinstance(found, dict) else found
    return [path for value in values for path in _files(value)]


_CALLS: dict[str, str] = {
    "neurosynth": "fetch_neurosynth",
    "neuroquery": "fetch_neuroquery",
    _RELEASE: "fetch_neurostore",
    "neurostore": "fetch_neurostore_studyset",
    "neurovault": "fetch_neurovault_collection",
    "nidm-pain": "download_nidm_pain",
    "cognitive-atlas": "download_cognitive_atlas",
}
_OPTIONS = {
    "version": "--data-version",
    "source": "--source",
    "vocab": "--vocab",
    "type": "--type",
    "unpack": "--old-layout",
    "annotation_id": "--annotation",
}
_Add = Callable[..., Any]


def _parser() -> CommandParser:
    parser = CommandParser("fetch", "NAME [ID] [DIR] [options]", _DESCRIPTION)
    parser.epilog = _EPILOG
    add: _Add = parser.add_argument
    add("name", metavar="NAME", help="which data, see above")
    # With a default it is not called missing where NAME is.
    add("rest", metavar="[ID] [DIR]", nargs="*", default=[], help="which of them, and where to")
    add("--overwrite", action="store_true", help="download also what is there and right")
    add("--base-url", metavar="URL", help="take them from a mirror, not from their own site")
    several = parser.add_argument_group("neurosynth and neuroquery")
    add = several.add_argument
    add("--data-version", dest="version", metavar="N", help="version (default: the newest)")
    add(
        "--vocab",
        metavar="NAME",
        action="append",
        help="a set of labels, terms or LDA50; may be repeated (default: all)",
    )
    add("--source", metavar="NAME", action="append", help="a part of the papers; may be repeated")
    add("--type", metavar="NAME", action="append", help="tfidf, weight or count")
    add(
        "--old-layout",
        dest="unpack",
        action="store_true",
        help="neurosynth: write database.txt and features.txt into DIR as well",
    )
    add = parser.add_argument_group("neurostore").add_argument
    add("--annotation", dest="annotation_id", metavar="ID", help="an annotation of it as well")
    return parser
