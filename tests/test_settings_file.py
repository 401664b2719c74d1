"""Settings as TOML: whatever is written is read back the same, and slips are named."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nimare_pipeline.errors import DataError, OutputError
from nimare_pipeline.settings import Analysis, Component, Settings
from nimare_pipeline.settings_file import read_settings, write_settings

SETTINGS = Settings(
    "/in", "/out", "/out/.work", "20260101-000000_ab", n_procs=2, command=("a b", '"')
)
ANALYSES = (
    Analysis("pain", alpha=0.01, missing_n="10", sources=("a.txt", "b/c.json")),
    Analysis(
        "touch",
        estimator=Component("ALE", {"kernel__fwhm": 10.0, "nested": {"a b": [1, 2.5, True, "x"]}}),
    ),
)


def test_settings_come_back_as_they_were(tmp_path):
    """What a rerun reads is what the run was."""
    path = write_settings(tmp_path / "logs/x/settings.toml", SETTINGS, ANALYSES)
    assert read_settings(path) == (SETTINGS, ANALYSES)


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(text, tmp_path_factory):
    """Quotes, backslashes, control characters and any script survive."""
    path = tmp_path_factory.mktemp("toml") / "settings.toml"
    settings = Settings(text, "", "", "", command=(text,))
    write_settings(path, settings, [Analysis("a", corrector=Component("F", {text: text}))])
    back, (analysis,) = read_settings(path)
    assert back == settings
    assert analysis.corrector.args == {text: text}


@given(value=st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1) | st.booleans())
def test_any_number_comes_back(value, tmp_path_factory):
    """Numbers keep every digit, and their type."""
    path = tmp_path_factory.mktemp("toml") / "settings.toml"
    write_settings(path, SETTINGS, [Analysis("a", estimator=Component("E", {"v": value}))])
    back = read_settings(path)[1][0].estimator.args["v"]
    assert (type(back), back) == (type(value), value)


def test_options_that_are_none_are_left_out(tmp_path):
    """TOML has no null; None is the default of an option."""
    analysis = Analysis("a", estimator=Component("ALE", {"mask": None, "null_method": "x"}))
    path = write_settings(tmp_path / "settings.toml", SETTINGS, [analysis])
    assert read_settings(path)[1][0].estimator.args == {"null_method": "x"}


def test_odd_bytes_of_a_path_do_not_stop_the_log(tmp_path):
    """A file name that is no text is written with a replacement character."""
    settings = Settings("/in/\udcff", "", "", "")
    path = write_settings(tmp_path / "settings.toml", settings, [])
    assert read_settings(path)[0].bids_dir == "/in/\ufffd"


def test_the_file_is_written_as_the_manual_shows_it(tmp_path):
    """Sections are those of a model file: [settings], [[analysis]], {type, args}."""
    path = write_settings(tmp_path / "settings.toml", SETTINGS, ANALYSES)
    content = tomllib.loads(path.read_text())
    assert list(content) == ["settings", "analysis"]
    assert content["analysis"][1]["estimator"]["type"] == "ALE"


def test_all_slips_are_listed_at_once(tmp_path):
    """Unknown keys, missing keys and wrong types are told together, each with its place."""
    path = tmp_path / "settings.toml"
    path.write_text(
        '[settings]\nbids_dir = 3\noutput_dir = "o"\nwork_dir = "w"\nthreads = 2\nseed = true\n'
        '[[analysis]]\nname = "a"\nalpha = "x"\nsources = "f"\nestimator = {type = "A", arg = 1}\n'
        "[[analysis]]\nestimator = 3\n[extra]\n"
    )
    with pytest.raises(DataError) as caught:
        read_settings(path)
    message = str(caught.value)
    for slip in (
        "[settings], bids_dir: 3 is not a str",
        "[settings]: unknown key 'threads' (known: bids_dir, ",
        "[settings], seed: True is not a int",
        "[settings]: run_uuid is missing",
        "[[analysis]] 1, alpha: 'x' is not a float",
        "[[analysis]] 1, sources: 'f' is not a list of strings",
        "[[analysis]] 1, estimator: unknown key 'arg' (known: type, args)",
        "[[analysis]] 2: name is missing",
        "[[analysis]] 2, estimator: 3 is not a table",
        "unknown section 'extra' ([settings], [[analysis]])",
    ):
        assert slip in message
    assert len(caught.value.problems) == 10


def test_a_whole_number_will_do_for_a_level(tmp_path):
    """TOML's 1 is also the number 1.0."""
    path = write_settings(tmp_path / "settings.toml", SETTINGS, [Analysis("a", alpha=1)])
    assert isinstance(read_settings(path)[1][0].alpha, float)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[settings\n", r"is not a readable TOML file: .*line 1"),
        (b"\xff", "is not a readable TOML file"),
        (b"analysis = 3", "analysis is not a list"),
    ],
    ids=["syntax", "encoding", "analysis"],
)
def test_a_damaged_file_is_named(content, message, tmp_path):
    """A file that is no TOML is one clear error."""
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_settings(path)


def test_a_missing_file_is_named(tmp_path):
    """So is one that is not there."""
    with pytest.raises(DataError, match=r"none\.toml is not a readable TOML file"):
        read_settings(tmp_path / "none.toml")


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path):
    """A file where a folder should be."""
    (tmp_path / "logs").write_text("")
    with pytest.raises(OutputError, match="cannot create the folder"):
        write_settings(tmp_path / "logs/settings.toml", SETTINGS, [])


def test_a_value_that_toml_cannot_hold_is_an_output_error(tmp_path):
    """An object in the options is named."""
    analysis = Analysis("a", estimator=Component("ALE", {"mask": object()}))
    with pytest.raises(OutputError, match="cannot write <object"):
        write_settings(tmp_path / "s.toml", SETTINGS, [analysis])
