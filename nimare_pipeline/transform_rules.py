"""Which statistical images can be computed from which, and how."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nimare_pipeline.contrast import is_missing, is_number
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.numerics import conversions as conv

SAMPLE_SIZE = "sample_size"
"""What a rule needs beside images: how many took part, and so the degrees of freedom."""

Floats = NDArray[np.float64]
_SMALLEST_P = float(np.finfo(np.float32).tiny)
"""A float32 image cannot hold less, and 0 is no value."""


@dataclass(frozen=True)
class People:
    """Who took part in a contrast, as far as its statistics depend on it.

    Parameters
    ----------
    n : float
        What divides the variance of one person to give that of the mean: participants, or
        1 / (1/n1 + 1/n2) for the difference of two groups. NaN where unknown.
    dof : float
        Degrees of freedom; NaN where unknown.
    """

    n: float = float("nan")
    dof: float = float("nan")

    @property
    def known(self) -> frozenset[str]:
        """Needs of rules that are met."""
        return frozenset({SAMPLE_SIZE} if self.n > 0 and self.dof > 0 else ())


def people_of(dataset: Dataset) -> dict[str, People]:
    """Sample size and degrees of freedom of each contrast.

    N is the sum of the groups of ``sample_sizes``, and the degrees of freedom are N less the
    number of groups, unless the metadata have ``dof``. Where ``design`` is ``two-sample`` and
    there are two groups, the effect is their difference.
    """
    found = {}
    for name, row in _records(dataset).items():
        sizes = tuple(row.get("sample_sizes") or ())
        total = float(sum(sizes)) if sizes else float("nan")
        n, dof = total, total - len(sizes)
        if str(row.get("design", "")) == "two-sample" and len(sizes) == 2:
            n = float(conv.effective_n(*sizes))
        given: Any = row.get("dof")
        if not is_missing(given) and is_number(given) and given > 0:
            dof = float(given)
        found[name] = People(n, dof)
    return found


def _records(dataset: Dataset) -> dict[str, dict[str, Any]]:
    wanted = [name for name in ("sample_sizes", "dof", "design") if name in dataset.metadata]
    columns = [dataset.metadata[name].tolist() for name in wanted]
    rows = zip(dataset.ids.tolist(), *columns, strict=True)
    return {name: dict(zip(wanted, cells, strict=True)) for name, *cells in rows}


@dataclass(frozen=True)
class Rule:
    """One way to compute an image.

    Parameters
    ----------
    target : str
        Kind of image that it makes.
    sources : tuple of str
        Kinds that it takes.
    function : callable
        Of the arrays of the sources, in order, and People.
    needs : frozenset of str
        ``{SAMPLE_SIZE}``, or nothing.
    cost : int
        Of two ways the cheaper one is taken. p is a poor source: it is 0 where z is beyond 38.
    """

    target: str
    sources: tuple[str, ...]
    function: Callable[..., Floats] = field(compare=False)
    needs: frozenset[str] = frozenset()
    cost: int = 1

    def __call__(self, values: Mapping[str, NDArray[Any]], people: People) -> Floats:
        """Compute the image; values that are not defined are NaN."""
        found = self.function(*(values[kind] for kind in self.sources), people)
        return np.where(np.isfinite(found), found, np.nan)


def _rules() -> tuple[Rule, ...]:
    people = frozenset({SAMPLE_SIZE})
    return (
        Rule("t", ("beta", "varcope"), lambda b, v, _: conv.beta_and_varcope_to_t(b, v)),
        Rule("t", ("z",), lambda z, p: conv.z_to_t(z, p.dof), people),
        Rule("t", ("d",), lambda d, p: conv.d_to_t(d, p.n), people),
        Rule("z", ("t",), lambda t, p: conv.t_to_z(t, p.dof), people),
        *(
            Rule("z", ("p", kind), lambda p, sign, _: conv.p_to_signed_z(p, sign), cost=5)
            for kind in ("t", "beta", "d", "g")
        ),
        Rule("p", ("z",), lambda z, _: np.maximum(conv.z_to_p(z), _SMALLEST_P)),
        Rule("varcope", ("se",), lambda se, _: conv.se_to_varcope(se)),
        Rule("varcope", ("sd",), lambda sd, p: conv.sd_to_varcope(sd, p.n), people),
        Rule("varcope", ("t", "beta"), lambda t, b, _: conv.t_and_beta_to_varcope(t, b)),
        Rule("se", ("varcope",), lambda v, _: conv.varcope_to_se(v)),
        Rule("sd", ("varcope",), lambda v, p: conv.varcope_to_sd(v, p.n), people),
        Rule("beta", ("t", "varcope"), lambda t, v, _: conv.t_and_varcope_to_beta(t, v)),
        Rule("beta", ("d", "sd"), lambda d, sd, _: d * conv.positive(sd)),
        Rule("sd", ("beta", "d"), lambda b, d, _: np.sqrt(conv.t_and_beta_to_varcope(d, b))),
        Rule("d", ("beta", "sd"), lambda b, sd, _: b / conv.positive(sd)),
        Rule("d", ("t",), lambda t, p: conv.t_to_d(t, p.n), people),
        Rule("d", ("g",), lambda g, p: conv.g_to_d(g, p.dof), people),
        Rule("g", ("d",), lambda d, p: conv.d_to_g(d, p.dof), people),
        Rule("g_var", ("d",), lambda d, p: conv.g_variance(d, p.n, p.dof), people),
    )


RULES = _rules()
"""Every way that is defined; where two cost the same, the first is taken."""

UNSIGNED_RULE = Rule("z", ("p",), lambda p, _: conv.p_to_z(p), cost=9)
"""Last resort for z, never a step to anything else: the direction is lost."""


def resolve_transforms(
    target: str, available: Collection[str], *, unsigned: bool = False
) -> tuple[Rule, ...] | None:
    """Steps that lead from the images that there are to another.

    Parameters
    ----------
    target : str
        Kind of image.
    available : collection of str
        Kinds that there are, and ``SAMPLE_SIZE`` if it is known.
    unsigned : bool
        Whether z may be computed from p alone, so that every z is positive.

    Returns
    -------
    tuple of Rule or None
        In order; empty if the image is there, None if nothing leads to it.
    """
    steps = _resolved(target, frozenset(available))
    if steps is None and unsigned and target == "z" and "p" in available:
        return (UNSIGNED_RULE,)
    return steps


@cache
def _resolved(target: str, available: frozenset[str]) -> tuple[Rule, ...] | None:
    if target in available:
        return ()
    ways: dict[str, tuple[int, tuple[Rule, ...]]] = dict.fromkeys(available, (0, ()))
    changed = True
    while changed:
        changed = False
        for rule in RULES:
            if not rule.needs <= available or not set(rule.sources) <= set(ways):
                continue
            steps = _joined([ways[kind][1] for kind in rule.sources], rule)
            cost = sum(step.cost for step in steps)
            if rule.target not in ways or cost < ways[rule.target][0]:
                ways[rule.target] = (cost, steps)
                changed = True
    return ways[target][1] if target in ways else None


def _joined(before: Collection[tuple[Rule, ...]], last: Rule) -> tuple[Rule, ...]:
    """Steps of all sources, each once, then the last."""
    return tuple(dict.fromkeys([*(step for steps in before for step in steps), last]))


def lacking(target: str, available: Collection[str]) -> str:
    """What would have to be there for a target that nothing leads to, in words."""
    if SAMPLE_SIZE not in available:
        with_size = resolve_transforms(target, {*available, SAMPLE_SIZE})
        if with_size is not None:
            return "its sample size"
    wanted = [
        kind
        for kind in ("t", "z", "beta", "varcope", "se")
        if resolve_transforms(target, {*available, kind}) is not None
    ]
    return " or ".join(f"a {kind} image" for kind in wanted) or f"a {target} image"
