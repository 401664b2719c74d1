"""What the headers of other people's tables mean, in whatever case and spelling."""

import re
import unicodedata
from dataclasses import dataclass

AXES = "xyz"

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_LONGEST = 80
"""Letters of a header of coordinates, at most: cells of other files are long."""
_ANY_AXIS = re.compile(r"(?i)[xyz]")
_SPACES = {"mni": "MNI", "icbm": "MNI", "tal": "TAL", "talairach": "TAL", "tlrc": "TAL"}
_AXIS_NOISE = {
    *("mm", "coordinate", "coordinates", "coord", "coords", "peak", "max", "maximum", "maxima"),
    *("local", "focus", "foci", "location", "loc", "position", "pos", "center", "centre", "of"),
    *("mass", "cog", "in", "space", "axis", "std", "standard", "stereotactic", "reported"),
    *("original", "world", "activation", "the", "left", "right", "lateral", "medial"),
    *("anterior", "posterior", "superior", "inferior", *_SPACES),
}
_GLUED = re.compile(
    r"(?P<before>mni|tal|icbm|peak|coord|pos|center|centre|loc|focus)?(?P<axis>[xyz])"
    r"(?P<after>mni|tal|icbm|mm|coord|coordinate|coords|peak|pos)?(?P<number>\d{0,3})"
)
_POINT = {"coordinate", "coordinates", "coord", "coords", "peak", "peaks", "foci", "focus", "xyz"}
_ENGLISH = {
    **dict.fromkeys(("studie", "studien", "étude", "études", "estudio", "studio"), "study"),
    **dict.fromkeys(("autor", "autoren", "auteur", "auteurs", "autores", "autore"), "author"),
    **dict.fromkeys(("jahr", "année", "año", "anno"), "year"),
    **dict.fromkeys(("kontrast", "kontraste", "contraste", "contrasto"), "contrast"),
    **dict.fromkeys(("probanden", "versuchspersonen", "teilnehmer", "effectif"), "participants"),
    **dict.fromkeys(("participantes", "partecipanti", "sujets"), "participants"),
    **dict.fromkeys(("stichprobe", "stichprobengrösse", "muestra"), "samplesize"),
    **dict.fromkeys(("raum", "espace", "espacio", "spazio"), "space"),
}
"""Headers of the columns without which there is no table, in other languages."""
_STUDY = (
    *("studyid", "study", "studies", "studyname", "article", "articles", "paper", "papers"),
    *("publication", "publications", "citation", "authoryear", "firstauthor", "authors", "author"),
    *("pmid", "pubmedid", "pubmed", "doi", "pmcid", "reference", "references", "ref", "id"),
    *("title", "papertitle", "articletitle", "studytitle"),
)
"""In the order in which one of several is taken."""
_STUDY_CORE = {
    *("study", "studies", "article", "articles", "paper", "papers", "publication", "citation"),
    *("author", "authors", "reference", "ref"),
}
_STUDY_NOISE = {
    *("first", "name", "names", "year", "label", "key", "short", "id", "no", "number", "and"),
    *("of", "date", "last", "code", "et", "al", "source", "title"),
}
_CONTRAST = (
    *("contrastid", "contrast", "contrasts", "contrastname", "experimentid", "experiment"),
    *("experiments", "experimentname", "exp", "analysis", "analysisid", "analysisname"),
    *("comparison", "comparisons", "comparisonname", "tableid", "condition", "conditions"),
)
_EXPERIMENT = ("experimentid", "experiment", "experiments", "experimentname", "exp")
_SIZE = (
    *("samplesize", "samplesizes", "subjects", "participants", "n", "nsubjects", "sample"),
    *("subject", "nsubj", "nsub", "nsubs", "subj", "subjs", "totaln", "ntotal"),
)
_SIZE_CORE = {"n", "subjects", "participants", "subj", "subs", "samplesize", "nsubjects"}
_SIZE_NOISE = {
    *("n", "no", "nr", "num", "number", "of", "subjects", "subject", "participants"),
    *("participant", "sample", "size", "total", "subj", "subs", "count", "included", "in", "the"),
    *("analysed", "analyzed", "study", "scanned", "final"),
}
_SPACE = (
    *("space", "coordinatespace", "coordspace", "coordsys", "coordsystem", "coordinatesystem"),
    *("template", "originalspace", "standardspace", "referencespace", "brainspace", "system"),
)
_SPACE_CORE = {"space", "sys", "system", "template", "coordsys"}
_SPACE_NOISE = {
    *("coordinate", "coordinates", "coord", "original", "standard", "stereotactic", "used"),
    *("stereotaxic", "reference", "or", "the", "brain", "reported", "of", "normalization"),
    *("normalisation", *_SPACE_CORE, *_SPACES),
}
_OF_FOCUS = {
    *("t", "z", "p", "f", "stat", "statistic", "tscore", "zscore", "tvalue", "zvalue", "pvalue"),
    *("tstat", "zstat", "tmax", "zmax", "region", "regions", "area", "anatomical", "anatomy"),
    *("structure", "brodmann", "ba", "hemisphere", "hemi", "side", "laterality", "lr", "lobe"),
    *("gyrus", "cluster", "k", "ke", "voxel", "voxels", "volume", "peak", "maxima", "height"),
    *("location", "label", "focus", "foci", "coordinate", "coordinates", "activation"),
    "deactivation",
}
_METADATA = {
    "title": "title", "papertitle": "title", "articletitle": "title", "studytitle": "title",
    "year": "year", "publicationyear": "year", "pubyear": "year", "yearofpublication": "year",
    "doi": "doi", "pmid": "pmid", "pubmedid": "pmid", "pubmed": "pmid",
    "authors": "authors", "author": "authors", "firstauthor": "authors", "journal": "journal",
    "publication": "publication", "source": "source", "dof": "dof", "df": "dof",
    "degreesoffreedom": "dof", "tail": "tail", "design": "design", "include": "include",
    "contrastname": "contrast_name", "experimentname": "contrast_name",
    "analysisname": "contrast_name", "studyname": "study_name",
    "coordinatethreshold": "coordinate_threshold",
}  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """Header of one coordinate: its axis, the space it names, and its number, if any."""

    axis: str
    space: str = ""
    number: str = ""


def words(header: str) -> list[str]:
    """Words of a header, in lower case: ``CoordinateSpace`` has two, ``n (SD)`` as well.

    Examples
    --------
    >>> words("MNI152 x [mm]"), words("CoordinateSpace"), words("# Subjects"), words("peak1_x")
    (['mni', 'x', 'mm'], ['coordinate', 'space'], ['subjects'], ['peak', '1', 'x'])
    """
    text = unicodedata.normalize("NFKC", header)
    text = re.sub(r"(?i)(mni|icbm)[ _-]?\d+", r"\1 ", text)
    text = re.sub(r"(?i)talairach", " tal ", text)
    text = _CAMEL.sub(" ", text)
    return [_english(word.casefold()) for word in re.findall(r"[^\W\d_]+|\d+", text)]


def joined(header: str) -> str:
    """Letters and digits of a header, in lower case."""
    return _english(re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", header)).casefold())


def _english(word: str) -> str:
    return _ENGLISH.get(word, word)


def space_in(text: str) -> str:
    """Space that a text names, ``MNI`` or ``TAL``; empty if it names none, or both."""
    found = {_SPACES[word] for word in words(text) if word in _SPACES}
    return found.pop() if len(found) == 1 else ""


def axis(header: str) -> Axis | None:
    """What a header says if it is of one coordinate.

    Examples
    --------
    >>> axis("MNI X (mm)"), axis("tal_y"), axis("x2"), axis("z-score")
    (Axis(axis='x', space='MNI', number=''), Axis(axis='y', space='TAL', number=''), \
Axis(axis='x', space='', number='2'), None)
    """
    if len(header) > _LONGEST or not _ANY_AXIS.search(header):
        return None
    own = words(header)
    rest = [word for word in own if word not in _AXIS_NOISE]
    numbers = [word for word in rest if word.isdigit()]
    letters = [word for word in rest if not word.isdigit()]
    if len(letters) == 1 and letters[0] in AXES and len(numbers) <= 1:
        return Axis(letters[0], space_in(header), numbers[0] if numbers else "")
    glued = _GLUED.fullmatch("".join(own))
    if glued is None or not (glued["before"] or glued["after"]):
        return None
    return Axis(glued["axis"], space_in(f"{glued['before']} {glued['after']}"), glued["number"])


def may_be_point(header: str) -> bool:
    """Whether cells under a header may hold whole foci: ``-42, 10, 4``."""
    if len(header) > _LONGEST:
        return False
    own = {word for word in words(header) if not word.isdigit()}
    rest = own - _AXIS_NOISE
    return set(AXES) <= rest <= {*AXES, *_POINT} or (bool(own & _POINT) and rest <= _POINT)


def study_rank(header: str) -> int | None:
    """How well a header names a column of studies, 0 is best; None if it does not."""
    name, own = joined(header), set(words(header))
    if name in _STUDY:
        return _STUDY.index(name)
    core = own & _STUDY_CORE
    if core and own <= _STUDY_CORE | _STUDY_NOISE and not own & {"title"}:
        return _STUDY.index("publication")
    return None


def contrast_rank(header: str) -> int | None:
    """How well a header names a column of contrasts."""
    name = joined(header)
    return _CONTRAST.index(name) if name in _CONTRAST else None


def is_experiment(header: str) -> bool:
    """Whether a header is ``experiment``: a contrast, or in some tables the study."""
    return joined(header) in _EXPERIMENT


def is_contrast_only(header: str) -> bool:
    """Whether a header is of contrasts and can be of nothing else."""
    return contrast_rank(header) is not None and not is_experiment(header)


def is_condition(header: str) -> bool:
    """Whether a header is of conditions: they name contrasts, and are labels too."""
    return joined(header) in ("condition", "conditions")


def is_author(header: str) -> bool:
    """Whether a header is of authors alone, whose papers the year tells apart."""
    own = set(words(header))
    return bool(own & {"author", "authors"}) and "year" not in own


def size_rank(header: str) -> int | None:
    """How well a header names a column of sample sizes."""
    name, own = joined(header), set(words(header))
    if name in _SIZE:
        return _SIZE.index(name)
    named = own & _SIZE_CORE or {"sample", "size"} <= own
    return len(_SIZE) if named and own <= _SIZE_NOISE else None


def is_group_size(header: str) -> bool:
    """Whether a header is of the size of one of several groups: ``n patients``, ``N1``."""
    own = words(header)
    return len(own) > 1 and ("n" in own or {"sample", "size"} <= set(own))


def space_rank(header: str) -> int | None:
    """How well a header names a column of spaces."""
    name, own = joined(header), set(words(header))
    if name in _SPACE:
        return _SPACE.index(name)
    named = own & _SPACE_CORE or {"mni", "tal"} <= own
    return len(_SPACE) if named and own <= _SPACE_NOISE else None


def is_of_focus(header: str) -> bool:
    """Whether a column describes a focus, not its contrast: a statistic, a region, a cluster."""
    return bool(set(words(header)) & _OF_FOCUS)


def metadata_name(header: str) -> str:
    """Name that a column of metadata has everywhere; empty for all other columns."""
    return _METADATA.get(joined(header), "")
