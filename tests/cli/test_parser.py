"""The command line as records: defaults, ranges, spellings, and what is said of a wrong word."""

import re
from dataclasses import fields
from importlib import import_module

import pytest

from nimare_pipeline import defaults
from nimare_pipeline.cli.exit_codes import UnknownLevelError
from nimare_pipeline.cli.method_options import METHODS
from nimare_pipeline.cli.options import build_parser
from nimare_pipeline.cli.parser import parse
from nimare_pipeline.cli.request import Request
from nimare_pipeline.errors import UsageError
from nimare_pipeline.registry import CORRECTORS, get_corrector
from nimare_pipeline.settings import Analysis


def request(*words: str) -> Request:
    return parse(["in", "out", "meta", *words], run_uuid="run")


def test_no_options_is_the_default_analysis() -> None:
    """With no options the analysis is the one that the library's defaults make."""
    assert request().analysis == Analysis(name="")


def test_no_options_leave_seed_space_and_plugin_at_their_defaults() -> None:
    """With no options the settings are those of the library."""
    settings = request().settings
    assert settings.seed == defaults.SEED
    assert settings.target == defaults.TARGET_SPACE
    assert settings.plugin == "Linear"
    assert (settings.n_chunks, settings.verbosity, settings.keep_work) == (1, 0, False)


def test_paths_are_absolute_and_links_are_kept(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths count from the current folder; a link stays the path that was given."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    monkeypatch.chdir(tmp_path)
    settings = parse(["link", "out", "meta"]).settings
    assert settings.bids_dir == str(tmp_path / "link")
    assert settings.output_dir == str(tmp_path / "out")
    assert settings.work_dir == str(tmp_path / "out" / ".work")


def test_command_is_kept() -> None:
    """The settings hold the command as it was typed."""
    assert request("--n-iters", "5").settings.command == (
        "nimare-pipeline", "in", "out", "meta", "--n-iters", "5",
    )  # fmt: skip


ANALYSIS_OPTIONS = [
    (["--fwhm", "10"], lambda a: a.estimator.args["kernel__fwhm"], 10.0),
    (["--sample-size", "12"], lambda a: a.estimator.args["kernel__sample_size"], 12.0),
    (["--voxelization", "ceil"], lambda a: a.estimator.args["kernel__voxelization"], "ceil"),
    (["--null-method", "histogram"], lambda a: a.estimator.args["null_method"], "histogram"),
    (["--estimator", "KDA"], lambda a: a.estimator.type, "KDA"),
    (["--radius", "8"], lambda a: a.estimator.args["kernel__r"], 8.0),
    (["--weighting", "sample_size"], lambda a: a.estimator.args["weighting"], "sample_size"),
    (["--inference-field", "rfx"], lambda a: a.estimator.args["inference_field"], "rfx"),
    (["--method", "holm"], lambda a: a.corrector.args, {"method": "holm"}),
    (["--method", "negcorr"], lambda a: a.corrector.type, "FDRCorrector"),
    (["--corrector", "FDRCorrector"], lambda a: a.corrector.args, {"method": "indep"}),
    (["--result", "voxel"], lambda a: a.result, "voxel"),
    (["--null-method", "montecarlo", "--n-iters", "9"], lambda a: a.estimator.args["n_iters"], 9),
    (["--corrector", "FWECorrector"], lambda a: a.corrector.type, "FWECorrector"),
    (["--n-iters", "77"], lambda a: a.corrector.args["n_iters"], 77),
    (["--voxel-thresh", "0.01"], lambda a: a.corrector.args["voxel_thresh"], 0.01),
    (["--tfce"], lambda a: a.corrector.args.get("tfce"), True),
    (["--tfce-extent", "1"], lambda a: a.corrector.args.get("tfce_extent"), 1.0),
    (["--tfce-height", "1.5"], lambda a: a.corrector.args.get("tfce_height"), 1.5),
    (["--null-outside", "inside"], lambda a: a.corrector.args["null_outside"], "inside"),
    (["--alpha", "0.01"], lambda a: a.alpha, 0.01),
    (["--missing-n", "median"], lambda a: a.missing_n, "median"),
    (["--missing-n", "9.5"], lambda a: a.missing_n, "9.5"),
    (["--pool", "study"], lambda a: a.pool, "study"),
    (["--pool", "group=my sample"], lambda a: a.pool, "group=my sample"),
    (["--outside", "drop"], lambda a: a.outside, "drop"),
    (["--name", "pain"], lambda a: a.name, "pain"),
    (["--select", "n_foci > 1"], lambda a: a.select, "n_foci > 1"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "get", "value"), ANALYSIS_OPTIONS)
def test_option_reaches_the_analysis(words, get, value) -> None:
    """Each option of the analysis changes its own place in the record."""
    assert get(request(*words).analysis) == value


def test_methods_are_those_of_the_correctors() -> None:
    """The parser, which must not import them, knows every method of every corrector."""
    assert METHODS.keys() == CORRECTORS.keys()
    for name, module in CORRECTORS.items():
        assert getattr(import_module(module), name).methods() == METHODS[name]
        assert getattr(import_module(module), name)().method == METHODS[name][0]


def test_method_and_corrector_must_belong_together() -> None:
    """A method of the other corrector is refused with those there are."""
    with pytest.raises(
        UsageError, match="--method indep is one of FDRCorrector; FWECorrector has"
    ):
        request("--corrector", "FWECorrector", "--method", "indep")


@pytest.mark.parametrize("words", [["--n-iters", "5"], ["--voxel-thresh", "0.01"]])
def test_what_has_no_effect_stays_in_to_be_refused(words) -> None:
    """An option that the method has no use for reaches the corrector, which says so."""
    corrector = request("--method", "holm", *words).analysis.corrector
    with pytest.raises(UsageError, match="would have no effect with method 'holm'"):
        get_corrector(corrector)


def test_iterations_of_a_simulated_null_are_not_those_of_fdr() -> None:
    """They go to the estimator, and the correction that has no iterations is left alone."""
    analysis = request(
        "--null-method", "montecarlo", "--method", "indep", "--n-iters", "7"
    ).analysis
    assert analysis.estimator.args["n_iters"] == 7
    assert analysis.corrector.args == {"method": "indep"}


SETTINGS_OPTIONS = [
    (["--seed", "18446744073709551615"], "seed", 2**64 - 1),
    (["--nprocs", "3"], "n_procs", 3),
    (["--n-procs", "3"], "n_procs", 3),
    (["--nthreads", "3"], "n_procs", 3),
    (["--n_cpus", "3"], "n_procs", 3),
    (["--n-cpus", "3"], "n_procs", 3),
    (["--n-chunks", "7"], "n_chunks", 7),
    (["--use-plugin", "MultiProc"], "plugin", "MultiProc"),
    (["--work-dir", "/w"], "work_dir", "/w"),
    (["-w", "/w"], "keep_work", True),
    (["--keep-work"], "keep_work", True),
    (["--mask", "/m.nii.gz"], "mask_file", "/m.nii.gz"),
    (["--image-root", "/maps"], "image_root", "/maps"),
    (["--tal2mni", "spm"], "tal2mni", "spm"),
    (["--unknown-space", "talairach"], "unknown_space", "talairach"),
    (["-v"], "verbosity", 1),
    (["-vv"], "verbosity", 2),
    (["-q"], "verbosity", -1),
    (["--notrack"], "verbosity", 0),
    (["--common-range"], "common_range", True),
    (["--z-max", "6.5"], "z_max", 6.5),
]


@pytest.mark.parametrize(("words", "field", "value"), SETTINGS_OPTIONS)
def test_option_reaches_the_settings(words, field, value) -> None:
    """Each option of the run changes its own place in the settings."""
    assert getattr(request(*words).settings, field) == value


@pytest.mark.parametrize("field", ["merge", "dry_run", "reports_only", "rerun"])
def test_flag_reaches_the_request(field) -> None:
    """Each flag changes its own place in the request, and is off otherwise."""
    assert getattr(request(), field) is False
    assert getattr(request(f"--{field.replace('_', '-')}"), field) is True


def test_options_of_the_analysis_file_reach_the_request(tmp_path, monkeypatch) -> None:
    """The file's path is absolute, ``none`` is a word, names of analyses add up."""
    monkeypatch.chdir(tmp_path)
    assert (request().model, request().only) == ("", ())
    assert request("--model", "a.toml").model == str(tmp_path / "a.toml")
    assert request("--model", "none").model == "none"
    assert request("--analysis", "a", "b", "--analysis", "c").only == ("a", "b", "c")


def test_options_that_are_given_are_known() -> None:
    """What stands on the command line is told from what is at its default."""
    always = {"bids_dir", "output_dir", "analysis_level"}
    assert request().given == always
    given = request("--alpha", "0.05", "-v", "--fwhm", "9", "--n-cpus", "1").given
    assert given == always | {"alpha", "fwhm", "nprocs"}


def test_wrong_selection_is_shown() -> None:
    """A slip in a selection is shown in its place."""
    with pytest.raises(UsageError) as caught:
        request("--select", "a = 3")
    assert str(caught.value) == (
        "--select: selection, column 3: '=': one = is not a comparison; write ==\n"
        "    a = 3\n      ^"
    )


def test_every_settings_field_can_be_set() -> None:
    """No field of the settings is forgotten: a path, the run, the space, or it has an option."""
    known = {"bids_dir", "output_dir", "run_uuid", "target", "command", "model_file"}
    known |= {field for _, field, _ in SETTINGS_OPTIONS}
    assert {field.name for field in fields(request().settings)} == known


@pytest.mark.parametrize("level", ["meta", "group", "dataset"])
def test_levels_mean_the_same(level) -> None:
    """The analysis level has synonyms."""
    assert parse(["in", "out", level]).analysis == request().analysis


def test_unknown_level_is_its_own_error() -> None:
    """An unknown level is named, with the levels there are."""
    with pytest.raises(UnknownLevelError, match=r"unknown analysis level 'participant'; .* meta"):
        parse(["in", "out", "participant"])


SHARE = "is not a number between 0 and 1, both excluded"
WRONG = [
    (["--alpha", "0"], f"--alpha: '0' {SHARE}"),
    (["--alpha", "1"], f"--alpha: '1' {SHARE}"),
    (["--alpha", "nan"], f"--alpha: 'nan' {SHARE}"),
    (["--alpha", "x"], f"--alpha: 'x' {SHARE}"),
    (["--voxel-thresh", "1.5"], f"--voxel-thresh: '1.5' {SHARE}"),
    (["--voxel-thresh", "-0.1"], f"--voxel-thresh: '-0.1' {SHARE}"),
    (["--n-iters", "-5"], "--n-iters: '-5' is not a whole number of at least 1"),
    (["--n-iters", "0"], "--n-iters: '0' is not a whole number of at least 1"),
    (["--n-iters", "1e4"], "--n-iters: '1e4' is not a whole number of at least 1"),
    (["--seed", "-1"], "--seed: '-1' is not a whole number from 0 to 2**64 - 1"),
    (["--seed", str(2**64)], f"--seed: '{2**64}' is not a whole number from 0 to 2**64 - 1"),
    (["--fwhm", "0"], "--fwhm: '0' is not a width in mm above 0"),
    (["--fwhm", "inf"], "--fwhm: 'inf' is not a width in mm above 0"),
    (["--sample-size", "-3"], "--sample-size: '-3' is not a number of participants above 0"),
    (["--fwhm", "9", "--sample-size", "12"], "--sample-size: not allowed with argument --fwhm"),
    (["--nprocs", "0"], "--nprocs: '0' is not a whole number of at least 1"),
    (["--n-chunks", "two"], "--n-chunks: 'two' is not a whole number of at least 1"),
    (["--estimator", "ALEE"], "--estimator: unknown name 'ALEE'; did you mean ALE? accepted: ALE"),
    (["--estimator", "ale"], "--estimator: unknown name 'ale'; did you mean ALE? accepted: ALE"),
    (["--corrector", "FEW"], "--corrector: unknown name 'FEW'; accepted: FWECorrector"),
    (["--voxelization", "half"], "--voxelization: unknown name 'half'; did you mean half-up?"),
    (["--missing-n", "mean"], "--missing-n: 'mean' is none of error, median, exclude, nor a"),
    (["--pool", "all"], "--pool: 'all' is none of none, study, group or group=COLUMN"),
    (["--pool", "group= "], "--pool: 'group= ' is none of none, study, group or group=COLUMN"),
    (["--missing-n", "-2"], "--missing-n: '-2' is none of error, median, exclude, nor a kernel"),
    (["--use-plugin", "slurm"], "--use-plugin: unknown name 'slurm'; did you mean SLURM?"),
    (["--name", "--"], "--name"),
    (["--name", "_"], "--name: '_' has no letter or digit"),
    (["--n-iter", "5"], "unknown option --n-iter; did you mean --n-iters?"),
    (["--n-iter=5"], "unknown option --n-iter; did you mean --n-iters?"),
    (["--qwertyuiop"], "unknown option --qwertyuiop; see --help"),
    (["extra"], "unexpected argument 'extra'; usage: nimare-pipeline BIDS_DIR OUT_DIR meta"),
    (["--fwhm"], "--fwhm: expected one argument"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_wrong_word_is_a_usage_error(words, message) -> None:
    """One line names the option, the value, and what is accepted."""
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        request(*words)
    assert "\n" not in str(caught.value)


def test_missing_arguments_are_named() -> None:
    """Without its three arguments the program says which are missing."""
    usage = "usage: nimare-pipeline BIDS_DIR OUT_DIR meta"
    with pytest.raises(UsageError, match=f"required: OUT_DIR, meta; {usage}"):
        parse(["in"])


def test_help_fits_80_columns() -> None:
    """No line of the help is wider than a terminal of 80 columns, whatever the terminal."""
    assert max(len(line) for line in build_parser().format_help().splitlines()) <= 80


@pytest.mark.parametrize(
    "default",
    [
        defaults.ESTIMATOR, defaults.NULL_METHOD, defaults.VOXELIZATION, defaults.OUTSIDE,
        defaults.NULL_OUTSIDE, defaults.MISSING_N, defaults.CORRECTOR, defaults.N_ITERS,
        defaults.VOXEL_THRESH, defaults.ALPHA, defaults.SEED, defaults.TAL2MNI,
    ],
)  # fmt: skip
def test_help_prints_the_defaults(default) -> None:
    """The help shows each default as ``defaults.py`` has it."""
    text = re.sub(r"\s+", " ", build_parser().format_help())
    assert re.search(rf"\(default: {re.escape(str(default))}\W", text)


def test_help_documents_every_option() -> None:
    """Every option is explained, but for other spellings and ``--notrack``."""
    hidden = {"--n-procs", "--nthreads", "--n_cpus", "--n-cpus", "--notrack"}
    parser = build_parser()
    text = parser.format_help()
    for option in set(parser._option_string_actions) - hidden:
        assert re.search(rf"{re.escape(option)}\b", text), option
