"""The analysis file and the command line, brought together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nimare_pipeline.cli import plan as planning
from nimare_pipeline.cli.gather import gather
from nimare_pipeline.cli.model import files_named, sources_of, with_model
from nimare_pipeline.cli.options import build_parser
from nimare_pipeline.cli.override import override
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.request import PLACES, Request
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, ModelError, NoInputError, UsageError
from nimare_pipeline.io import Source
from nimare_pipeline.model.schema import BUILT, TYPES
from nimare_pipeline.settings import Analysis, Component

TWO = """\
[run]
seed = 7
mask = "m.nii"
tal2mni = "spm"
[[analysis]]
name = "a"
estimator = {type = "ALE", args = {kernel__sample_size = 12, null_method = "histogram"}}
[[analysis]]
name = "b c"
alpha = 0.01
corrector = {type = "FDRCorrector", args = {method = "indep"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "analyses.toml").write_text(TWO)
    return tmp_path / "in"


def ask(folder: Path, *words: str) -> Request:
    return with_model(parse([str(folder), str(folder.parent / "out"), "meta", *words]))


def test_file_of_the_input_folder_is_used_and_said(folder) -> None:
    """``analyses.toml`` beside the studies needs no option; the log says that it was used."""
    request = ask(folder)
    assert [analysis.name for analysis in request.analyses] == ["a", "bC"]
    assert request.settings.model_file == str(folder / "analyses.toml")
    used, named = request.notes
    assert used == (
        f"analyses are those of {folder}/analyses.toml "
        "(found in the input folder; --model none ignores it)"
    )
    assert named == "'b c' is called 'bC': names are of letters and digits"


@pytest.mark.parametrize(
    ("words", "strange", "own"),
    [
        (["--estimator", "KDA", "--fwhm", "9"], "KDA has no --fwhm;", "--radius"),
        (["--radius", "8", "--weighting", "sample_size"], "ALE has no --radius, --weighting;",
         "--fwhm, --sample-size"),
        (["--estimator", "MKDADensity", "--sample-size", "9"], "MKDADensity has no --sample-size;",
         "--weighting, --inference-field, --radius"),
    ],
)  # fmt: skip
def test_option_of_another_estimator_is_named_as_it_was_typed(
    tmp_path, words, strange, own
) -> None:
    """The message speaks of options, not of the keywords of classes that stand behind them."""
    with pytest.raises(UsageError) as caught:
        ask(tmp_path, *words)
    assert str(caught.value) == f"{strange} its options are --null-method, {own}, --voxelization"


def test_model_none_ignores_the_file(folder) -> None:
    """``--model none`` is a run without a file."""
    request = ask(folder, "--model", "none")
    assert (request.analyses, request.settings.model_file) == ((), "")


def test_named_file_wins(folder) -> None:
    """``--model`` names another file; its folder is where its paths count from."""
    other = folder.parent / "other" / "paper.toml"
    other.parent.mkdir()
    other.write_text(
        "[[analysis]]\nname = 'x'\nselect = \"in_mask('m.nii')\"\n[[analysis]]\nname = 'y'\n"
    )
    first, second = ask(folder, "--model", str(other)).analyses
    assert (first.name, second.name) == ("x", "y")
    assert first.folders == (str(other.parent), str(folder))
    assert second.folders == ()  # it names no file: where it was written is of no interest
    with pytest.raises(NoInputError, match=r"there is no analysis file .*gone\.toml"):
        ask(folder, "--model", str(folder / "gone.toml"))


def test_run_section_reaches_the_settings(folder) -> None:
    """Seed, mask (relative to the file) and Talairach transform are those of ``[run]``."""
    settings = ask(folder).settings
    assert (settings.seed, settings.tal2mni) == (7, "spm")
    assert settings.mask_file == str(folder / "m.nii")


def test_command_line_wins_over_the_run_section(folder) -> None:
    """What is given by an option is not taken from the file, even where it is the default."""
    settings = ask(folder, "--seed", "42", "--mask", "/x.nii", "--tal2mni", "other").settings
    assert (settings.seed, settings.mask_file, settings.tal2mni) == (42, "/x.nii", "other")


def test_only_some_analyses(folder) -> None:
    """``--analysis`` picks by name, as the file or the results spell it."""
    assert [one.name for one in ask(folder, "--analysis", "B-C").analyses] == ["bC"]
    assert [one.name for one in ask(folder, "--analysis", "bC", "a").analyses] == ["a", "bC"]
    with pytest.raises(UsageError, match=r"no analysis 'd' in analyses\.toml; there are: a, bC"):
        ask(folder, "--analysis", "d")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "x"], "--name has no meaning with the analysis file .*; *|the file names its"),
        (
            ["--merge"],
            "--merge has no meaning with the analysis file .*: each of its analyses pool",
        ),
        (["--model", "none", "--analysis", "a"], "--analysis picks analyses of an analysis file"),
    ],
)
def test_options_without_meaning_are_refused(folder, words, message) -> None:
    """An option that would change nothing is refused, with the reason."""
    with pytest.raises(UsageError, match=message):
        ask(folder, *words)


def test_wrong_file_is_refused_before_anything_is_read(folder) -> None:
    """A slip in the file needs no data to be found."""
    (folder / "analyses.toml").write_text("[[analysis]]\nnam = 1\n")
    with pytest.raises(ModelError, match="unknown key 'nam'"):
        ask(folder)


OVERRIDES = [
    (["--estimator", "KDA"], lambda a: a.estimator,
     Component("KDA", {"null_method": "approximate"})),
    (["--null-method", "montecarlo"], lambda a: a.estimator.args["null_method"], "montecarlo"),
    (["--fwhm", "9"], lambda a: a.estimator.args,
     {"null_method": "histogram", "kernel__fwhm": 9.0}),  # in place of the file's sample size
    (["--sample-size", "20"], lambda a: a.estimator.args["kernel__sample_size"], 20.0),
    (["--voxelization", "ceil"], lambda a: a.estimator.args.get("kernel__voxelization"), "ceil"),
    (["--null-method", "approximate"], lambda a: a.estimator.args["null_method"], "approximate"),
    (["--foci-from-images", "fill"], lambda a: a.options.get("foci_from_images", {}).get("merge"),
     "fill"),
    (["--n-iters", "3"], lambda a: a.corrector.args["n_iters"], 3),
    (["--voxel-thresh", "0.01"], lambda a: a.corrector.args["voxel_thresh"], 0.01),
    (["--tfce"], lambda a: a.corrector.args.get("tfce"), True),
    (["--tfce-extent", "1", "--tfce"], lambda a: a.corrector.args.get("tfce_extent"), 1.0),
    (["--tfce-height", "1.5", "--tfce"], lambda a: a.corrector.args.get("tfce_height"), 1.5),
    (["--null-outside", "inside"], lambda a: a.corrector.args.get("null_outside"), "inside"),
    (["--corrector", "FDRCorrector"], lambda a: a.corrector.type, "FDRCorrector"),
    (["--alpha", "0.2"], lambda a: a.alpha, 0.2),
    (["--missing-n", "median"], lambda a: a.missing_n, "median"),
    (["--pool", "group"], lambda a: a.pool, "group"),
    (["--outside", "drop"], lambda a: a.outside, "drop"),
    (["--select", "n_foci > 2"], lambda a: a.select, "n_foci > 2"),
    (["--method", "holm"], lambda a: a.corrector.args["method"], "holm"),
    (["--result", "voxel"], lambda a: a.result, "voxel"),
]  # fmt: skip
OF_MKDA = [
    (["--radius", "6", "--estimator", "MKDADensity"], "kernel__r", 6.0),
    (["--weighting", "sample_size", "--estimator", "MKDADensity"], "weighting", "sample_size"),
    (["--inference-field", "model", "--weighting", "sample_size", "--estimator", "MKDADensity"],
     "inference_field", "model"),
]  # fmt: skip
OF_CHI2 = [
    (["--fwe-null", "random-foci"], "fwe_null_method", "random-foci"),
    (["--prior", "0.2"], "prior", 0.2),
]


@pytest.mark.parametrize(("words", "get", "value"), OVERRIDES)
def test_option_replaces_what_the_file_says(folder, words, get, value) -> None:
    """Each option of an analysis changes its own place in every analysis of the file."""
    request = parse([str(folder), "out", "meta", *words])
    first = replace(
        Analysis("a"),
        estimator=Component("ALE", {"kernel__sample_size": 12, "null_method": "histogram"}),
    )
    assert get(first) != value
    assert get(override(first, request.analysis, request.given)) == value


@pytest.mark.parametrize(("words", "keyword", "value"), OF_MKDA)
def test_option_of_one_method_replaces_what_the_file_says(words, keyword, value) -> None:
    """Options that one method has reach analyses of that method, and not the others."""
    request = parse(["in", "out", "meta", *words])
    given = request.given - {"estimator"}
    mkda = Analysis("a", estimator=Component("MKDADensity", {"kernel__r": 10.0}))
    assert mkda.estimator.args.get(keyword) != value
    assert override(mkda, request.analysis, given).estimator.args[keyword] == value
    ale = Analysis("a")
    assert override(ale, request.analysis, given) == ale


@pytest.mark.parametrize(("words", "keyword", "value"), OF_CHI2)
def test_option_of_a_comparison_replaces_what_the_file_says(words, keyword, value) -> None:
    """Options of MKDAChi2 reach the analyses of that method in a file, and not the others."""
    request = parse(
        ["in", "out", "meta", "--group", "a=n_foci > 2", "--estimator", "MKDAChi2", *words]
    )
    given = request.given - {"estimator", "group"}
    chi2 = Analysis("a", type="pair", estimator=Component("MKDAChi2"))
    assert override(chi2, request.analysis, given).estimator.args[keyword] == value
    other = Analysis("a", type="pair", estimator=Component("ALESubtraction"))
    assert override(other, request.analysis, given) == other


OF_BALANCED = [
    (["--target-n", "3"], "target_n", 3),
    (["--n-subsamples", "40"], "n_subsamples", 40),
    (["--fwe-null", "random-foci"], "null_method", "random-foci"),
    (["--voxel-thresh", "0.01"], "voxel_thresh", 0.01),
    (["--alpha", "0.01"], "alpha", 0.01),
    (["--null-outside", "inside"], "null_outside", "inside"),
    (["--n-iters", "77"], "n_iters", 77),
]


@pytest.mark.parametrize(("words", "keyword", "value"), OF_BALANCED)
def test_option_of_a_balanced_comparison(words, keyword, value) -> None:
    """It reaches the estimator from the command line, and replaces what a file says of it."""
    pair = ["--group", "a=n_foci > 2", "--estimator", "BalancedALESubtraction"]
    made = parse(["in", "out", "meta", *pair, *words]).analysis
    assert made.estimator.args[keyword] == value
    assert "voxel_thresh" not in made.corrector.args
    asked = parse(["in", "out", "meta", *words])
    balanced = Analysis("a", type="pair", estimator=Component("BalancedALESubtraction"))
    assert override(balanced, asked.analysis, asked.given).estimator.args[keyword] == value
    other = Analysis("a", type="pair", estimator=Component("MKDAChi2"))
    changed = override(other, asked.analysis, asked.given).estimator
    assert set(changed.args) <= {"fwe_null_method", "null_outside"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--null-method", "montecarlo"], "BalancedALESubtraction has no --null-method; its op"),
        (["--prior", "0.2"], "BalancedALESubtraction has no --prior; its options are --fwe-null"),
        (["--inference-mask", "m.nii"], "BalancedALESubtraction looks for differences in the who"),
    ],
)
def test_what_a_balanced_comparison_has_not(tmp_path, words, message) -> None:
    """What it cannot use is refused, by the name of the option."""
    (tmp_path / "in").mkdir()
    pair = ["--group", "a=n_foci > 2", "--estimator", "BalancedALESubtraction"]
    with pytest.raises(UsageError, match=message):
        ask(tmp_path / "in", *pair, *words)


OF_SCALE = [(["--null-foci", "other"], {"null_foci": "other"})]


@pytest.mark.parametrize(("words", "options"), OF_SCALE)
def test_pool_replaces_what_the_file_says(words, options) -> None:
    """A pool reaches the analyses that draw from one, and not the others."""
    request = parse(["in", "out", "meta", *words])
    scale = Analysis("a", estimator=Component("SCALE"), options={"null_foci": "base"})
    assert override(scale, request.analysis, request.given).options == options
    ale = Analysis("a")
    assert override(ale, request.analysis, request.given) == ale


OF_IMAGES = [
    (["--formula", "~ age"], {"formula": "~ age"}),
    (["--term", "age", "--formula", "~ age"], {"formula": "~ age", "term": "age"}),
    (["--coverage", "aggressive"], {"coverage": "aggressive"}),
    (["--min-studies", "4"], {"min_studies": 4}),
    (["--dependence", "collapse"], {"dependence": "collapse"}),
    (["--on-bad-image", "exclude"], {"on_bad_image": "exclude"}),
]


@pytest.mark.parametrize(("words", "options"), OF_IMAGES)
@pytest.mark.parametrize("estimator", ["", "Hedges"])
def test_option_of_images_replaces_what_the_file_says(words, options, estimator) -> None:
    """It reaches the analyses of images, those that leave their estimator open too."""
    request = parse(["in", "out", "meta", *words])
    images = Analysis("a", type="ibma", estimator=Component(estimator))
    found = override(images, request.analysis, request.given)
    assert found == replace(images, options=options)
    ale = Analysis("a")
    assert override(ale, request.analysis, request.given) == ale


@pytest.mark.parametrize(
    ("words", "get", "value"),
    [
        (["--n-iters", "7"], lambda a: a.corrector.args["n_iters"], 7),
        (["--voxel-thresh", "0.01"], lambda a: a.corrector.args["voxel_thresh"], 0.01),
        (["--alpha", "0.2"], lambda a: a.alpha, 0.2),
        (["--fwhm", "9"], lambda a: a.estimator, Component("")),
    ],
)
def test_estimator_that_is_left_open_takes_no_keywords(folder, words, get, value) -> None:
    """What images there are decides on it; the corrector and the level are replaced already."""
    (folder / "analyses.toml").write_text('[[analysis]]\nname = "a"\ntype = "ibma"\n')
    (one,) = ask(folder, *words).analyses
    assert get(one) == value


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ('type = "ibma"', "ALE", "ALE is not for the type ibma; it is for the type cbma and macm"),
        ('type = "cbma"', "Hedges", "Hedges is not for the type cbma; it is for the type ibma"),
        ('type = "pair"\ngroups = {a = "x > 1", b = "x < 1"}', "Hedges", "not for the type pair"),
    ],
)
def test_estimator_of_another_type_is_refused(folder, text, name, message) -> None:
    """An analysis of a file keeps its type, whatever the command line names."""
    (folder / "analyses.toml").write_text(f'[[analysis]]\nname = "a"\n{text}\n')
    with pytest.raises(ModelError, match=f"analysis a: .*{message}"):
        planning.plan(ask(folder, "--estimator", name))


def test_all_studies_are_no_number_of_studies(folder) -> None:
    """A number of studies that a voxel needs means nothing where all must cover it."""
    text = '[[analysis]]\nname = "a"\ntype = "ibma"\nestimator = {type = "Hedges"}\n'
    (folder / "analyses.toml").write_text(f'{text}coverage = "aggressive"\n')
    with pytest.raises(ModelError, match="min_studies is for liberal coverage"):
        planning.plan(ask(folder, "--min-studies", "3"))


def test_another_estimator_has_no_pool() -> None:
    """Where the command line names ALE, what the file says of the pool counts no more."""
    request = parse(["in", "out", "meta", "--estimator", "ALE"])
    scale = Analysis("a", estimator=Component("SCALE"), options={"null_foci": "base"})
    assert override(scale, request.analysis, request.given) == Analysis("a")


def test_pool_of_a_file_counts_from_where_it_was_written(folder) -> None:
    """The file's folder comes first; a pool of the command line counts from the current one."""
    scale = '[[analysis]]\nname = "a"\nestimator = {type = "SCALE"}\nnull_foci = "base"\n'
    (folder / "analyses.toml").write_text(scale)
    (one,) = ask(folder).analyses
    assert one.folders == (str(folder),)
    (one,) = ask(folder, "--null-foci", "other").analyses
    assert one.folders == (str(Path.cwd()), str(folder))
    assert one.options == {"null_foci": "other"}


def test_option_at_its_default_replaces_too() -> None:
    """An option that is given with the default's value is given."""
    request = parse(["in", "out", "meta", "--voxelization", "exact"])
    analysis = Analysis("a", estimator=Component("ALE", {"kernel__voxelization": "ceil"}))
    assert override(analysis, request.analysis, request.given).estimator.args == {}


def test_options_not_given_replace_nothing() -> None:
    """A run without options of an analysis takes the file as it is."""
    request = parse(["in", "out", "meta", "-v", "--seed", "3", "--nprocs", "1"])
    analysis = Analysis("a", alpha=0.3, outside="drop", select="n_foci > 1")
    assert override(analysis, request.analysis, request.given) == analysis


def test_option_that_does_not_concern_an_analysis_is_said(folder) -> None:
    """Iterations mean nothing to a correction without: it stays, and the log says so."""
    first, second = ask(folder, "--n-iters", "3").analyses
    assert first.corrector.args["n_iters"] == 3
    assert second.corrector.args == {"method": "indep"}
    assert ask(folder, "--n-iters", "3", "--alpha", "0.2").notes[2:] == (
        "the command line replaces what the file says: --alpha, --n-iters",
        "--n-iters does not concern analysis bC",
    )


def test_enhancement_concerns_what_can_be_enhanced() -> None:
    """Others stay as they are; the powers reach analyses of the file that are enhanced."""
    asked = parse(["in", "out", "meta", "--tfce", "--tfce-extent", "1"])
    scale = Analysis("s", estimator=Component("SCALE"))
    assert override(scale, asked.analysis, asked.given) == scale
    pair = Analysis("p", type="pair", estimator=Component("MKDAChi2"))
    found = override(pair, asked.analysis, asked.given)
    added = {"tfce": True, "tfce_extent": 1.0}
    assert found.corrector.args == {**pair.corrector.args, **added}
    asked = parse(["in", "out", "meta", "--tfce-height", "1"])
    assert override(pair, asked.analysis, asked.given) == pair


def test_who_is_not_enhanced_is_said_with_the_reason(folder) -> None:
    """The second analysis of the file draws nothing."""
    (text,) = ask(folder, "--tfce").notes[3:]
    assert text == (
        "--tfce does not concern analysis bC: tfce needs FWECorrector with method montecarlo"
    )


def test_what_the_command_line_makes_impossible_is_named(folder) -> None:
    """Each analysis that cannot be run is named, with the reason; the others are not."""
    from nimare_pipeline.cli.plan import plan

    with pytest.raises(
        ModelError,
        match=r"an analysis cannot be run with the .*\n  - analysis bC: result 'tfce' needs FWEC",
    ):
        plan(ask(folder, "--tfce", "--result", "tfce"))


def test_every_option_of_an_analysis_has_a_place() -> None:
    """No option of these groups is forgotten when a file is overridden."""
    groups = (
        "analysis",
        "estimator",
        "kernel and coordinates",
        "images",
        "correction for multiple comparisons",
    )
    options = {
        action.dest
        for group in build_parser()._action_groups
        if group.title in groups
        for action in group._group_actions
    }
    of_the_run = {
        "name",
        "merge",
        "mask",
        "image_root",
        "tal2mni",
        "unknown_space",
        "seed",
        "group",
        "inference_mask",
        "add_iters",
    }
    assert options - of_the_run == set(PLACES)
    rows = [*OVERRIDES, *OF_MKDA, *OF_CHI2, *OF_BALANCED, *OF_SCALE, *OF_IMAGES]
    tried = {word[2:].replace("-", "_") for words, *_ in rows for word in words[:1]}
    assert tried == set(PLACES)


def contrast(x: float) -> dict[str, Any]:
    coords = {"space": "MNI", "x": [x], "y": [0], "z": [0]}
    return {"contrasts": {"1": {"coords": coords, "metadata": {"sample_sizes": [9]}}}}


def source(name: str, *files: str) -> Source:
    return Source(name, files or (f"sub/{name}.txt",), "test", Dataset({name: contrast(1)}))


def test_what_a_type_does_not_have_is_not_replaced() -> None:
    """A conjunction has a level alpha, but no estimator, corrector, selection or policies."""
    words = ("--estimator", "KDA", "--method", "holm", "--n-iters", "7", "--select", "n_foci > 1")
    words = (*words, "--missing-n", "median", "--outside", "drop", "--result", "voxel")
    asked = parse(["in", "out", "meta", *words, "--alpha", "0.01"])
    conjunction = Analysis(
        "c", type="conjunction", estimator=Component("Conjunction"), corrector=Component("")
    )
    found = override(conjunction, asked.analysis, asked.given)
    assert found == replace(conjunction, alpha=0.01)


class TestSources:
    SOURCES = (source("heat"), source("touch"), source("cold", "cold.json", "cold_notes.json"))

    @pytest.mark.parametrize(
        ("patterns", "names"),
        [
            ((), ["heat", "touch", "cold"]),
            (("sub/heat.txt",), ["heat"]),
            (("*.txt",), ["heat", "touch"]),
            (("cold_notes.json", "sub/t*"), ["touch", "cold"]),
        ],
    )
    def test_patterns(self, patterns, names) -> None:
        """A source is taken if a pattern fits one of its files; all are without patterns."""
        found = sources_of(Analysis("a", sources=patterns), self.SOURCES)
        assert [one.name for one in found] == names

    def test_pattern_that_fits_nothing(self) -> None:
        """A pattern without a file is named, with the nearest file."""
        with pytest.raises(
            UsageError, match=r"no input file fits 'sub/haet.txt'; did you mean sub/h"
        ):
            sources_of(Analysis("a", sources=("sub/haet.txt",)), self.SOURCES)

    def test_sources_are_pooled_once(self) -> None:
        """Analyses of the same files share one dataset; each knows the files it is of."""
        analyses = [Analysis("a"), Analysis("b"), Analysis("c", sources=("cold*",))]
        first, second, third = gather(analyses, self.SOURCES)
        assert first.dataset is second.dataset
        assert first.dataset.ids.tolist() == ["heat-1", "touch-1", "cold-1"]
        assert third.dataset.ids.tolist() == ["cold-1"]
        assert third.analysis.sources == ("cold.json", "cold_notes.json")
        assert [one.analysis.name for one in (first, second, third)] == ["a", "b", "c"]

    def test_one_that_cannot_be_pooled_does_not_stop_the_others(self) -> None:
        """Two files with one contrast are that analysis' error, and so is a wrong pattern."""
        twice = (*self.SOURCES, source("heat", "again.txt"))
        analyses = [
            Analysis("a"),
            Analysis("b", sources=("x",)),
            Analysis("c", sources=("cold*",)),
        ]
        first, second, third = gather(analyses, twice)
        assert isinstance(first.error, DataError)
        assert isinstance(second.error, UsageError)
        assert (third.error, first.dataset) == (None, None)


@pytest.mark.parametrize("kind", sorted({*TYPES} - {*BUILT}))
def test_type_that_is_not_built_fails_alone(kind) -> None:
    """Each type that this version cannot run says so, whatever else is in the file."""
    first, second = gather([Analysis("a", type=kind), Analysis("b")], [source("heat")])
    assert (
        str(first.error) == f"type {kind} is not built yet; this version runs: {', '.join(BUILT)}"
    )
    assert second.error is None


def test_named_files_are_no_strangers(tmp_path, monkeypatch) -> None:
    """Masks that the analyses name are not warned about as files in no known format."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "heat.txt").write_text("//Reference=MNI\n//Ada 2001: heat\n//Subjects=12\n1 2 3\n")
    for name in ("roi.nii", "other.nii", "seed.nii"):
        (folder / name).touch()
    (folder / "analyses.toml").write_text(
        "[[analysis]]\nname = 'a'\nselect = \"not in_mask('roi.nii')\"\n"
        "[[analysis]]\nname = 'b'\ntype = 'macm'\nroi = 'seed.nii'\n"
    )
    monkeypatch.chdir(tmp_path)
    request = ask(folder)
    assert files_named(request) == {str(folder / "roi.nii"), str(folder / "seed.nii")}
    planned = planning.plan(request)
    assert {problem.message for one in planned for problem in one.problems} == {
        "1 file is in no known format and is left out: other.nii"
    }
    request = ask(folder, "--model", "none", "--select", "not in_mask('roi.nii')")
    assert request.analysis.folders == (str(tmp_path), str(folder))
