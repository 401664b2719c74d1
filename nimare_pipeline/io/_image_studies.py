"""What readers of folders of images share: names of studies and contrasts, and notes."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from nimare_pipeline.contrast import counted
from nimare_pipeline.errors import DataError, Problem

Note = Callable[[Problem], None]

_ENDS = re.compile(r"(?:\.nidm(?:\.zip)?|\.zip|\+*\.g?feat\+*|\++)$", re.IGNORECASE)
_GENERAL = re.compile(
    r"(?:nidm(?:[_-]?results)?|stats?|results?|maps?|images?|analys[ie]s|output|derivatives"
    r"|group(?:[_-]?(?:level|analysis|stats))?|(?:second|2nd)[_-]?level|level[_-]?2"
    r"|node-\w+|cope\d+|fitlins|nilearn|halfpipe|spm(?:8|12|25)?|fsl|feat|gfeat|neurovault)?",
    re.IGNORECASE,
)
"""Names of folders that say what lies in them, not whose it is."""
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_MOST_WORDS = 120
_POINTER_BYTES = 2**15


def names_of(places: Sequence[Path]) -> dict[Path, str]:
    """Name of the study that lies in each folder or file: of the folder that says the most.

    Folders called by what they hold (``stats``, ``group``) take the name of the folder above;
    where two would have one name, those above are added.
    """
    chains = {place: _chain(place) for place in places}
    depth = dict.fromkeys(chains, 1)
    while True:
        found = {place: "_".join(reversed(chains[place][: depth[place]])) for place in chains}
        counts = Counter(name.casefold() for name in found.values())
        twice = [
            place
            for place, name in found.items()
            if counts[name.casefold()] > 1 and depth[place] < len(chains[place])
        ]
        if not twice:
            break
        for place in twice:
            depth[place] += 1
    names = numbered([found[place] for place in chains])
    return dict(zip(chains, names, strict=True))


def note_crossed(places: Sequence[Path], note: Note) -> None:
    """Warn where folders of the same names lie in several folders, as the tasks of each group do.

    Each is a study of its own, as nothing says that those of one folder are of the same people.
    """
    inside: dict[tuple[str, ...], dict[str, Path]] = defaultdict(dict)
    for place in places:
        own, *above = _chain(place)
        inside[tuple(above)].setdefault(own.casefold(), place)
    alike = Counter(name for names in inside.values() for name in names)
    crossed = [
        (above, names)
        for above, names in inside.items()
        if sum(alike[name] > 1 for name in names) > 1
    ]
    if len(crossed) < 2:
        return
    parents, names = crossed[0]
    whose, more = parents[0] if parents else "/", counted(len(crossed) - 1, "more folder")
    message = f"{', '.join(names)} of {whose} are read as {len(names)} studies, and so in {more}"
    advice = (
        "if they are of the same people, they are contrasts of one study: give them one study_id "
        "in the table that `nimare-pipeline convert` writes"
    )
    note(Problem("warning", message, str(next(iter(names.values()))), "", advice))


def numbered(names: Sequence[str]) -> list[str]:
    """Names of which each is different: those that stood before get a number."""
    seen: Counter[str] = Counter()
    taken: set[str] = set()
    found = []
    for name in names:
        one = name
        while one in taken:
            seen[name] += 1
            one = f"{name} ({seen[name] + 1})"
        taken.add(one)
        found.append(one)
    return found


def plain(text: object) -> str:
    """Text on one line, not too long for an id."""
    return _SPACE.sub(" ", str(text)).strip()[:_MOST_WORDS]


def pointer(path: Path) -> Problem | None:
    """Problem of a file whose content is not on this machine; None for any other."""
    if path.is_symlink() and not path.exists():
        return _not_here(path)
    try:
        if path.stat().st_size > _POINTER_BYTES:
            return None
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        return Problem("error", f"cannot be read: {error.strerror}", str(path))
    if head.startswith(b"version https://git-lfs"):
        message = "a pointer of Git LFS, whose content is not on this machine"
        return Problem("error", message, str(path), "", "run: git lfs pull")
    if head.startswith((b"/annex/objects", b"../", b".git/annex")) and b"annex/objects" in head:
        return _not_here(path)
    return None


def refusal(path: Path, message: str, suggestion: str = "", where: str = "") -> DataError:
    """Error that is one problem of a file."""
    msg = f"{path.name} cannot be read"
    return DataError(msg, [Problem("error", message, str(path), where, suggestion)])


def _not_here(path: Path) -> Problem:
    message = "a pointer of DataLad (git-annex), whose content is not on this machine"
    return Problem("error", message, str(path), "", f"run: datalad get {path}")


def _chain(place: Path) -> list[str]:
    """Names of a place and the folders above it, without those that say nothing."""
    parts = [_ENDS.sub("", part) for part in reversed(place.absolute().parts[1:])]
    said = [plain(part) for part in parts if not _GENERAL.fullmatch(part)]
    return said or [plain(place.name) or "study"]
