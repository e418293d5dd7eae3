"""Settings from files, the environment and flags; presets as files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fext_engine.errors import FextError, SettingsError
from fext_engine.presets import (
    delete_preset,
    find_preset,
    last_preset,
    list_presets,
    load_last_used,
    load_settings,
    read_settings,
    save_last_used,
    save_preset,
    settings_to_toml,
)
from fext_engine.settings import Option, Settings, options
from fext_engine.workspace import STOCK_PRESETS, find_workspace


@pytest.fixture
def workspace(tmp_path):
    return find_workspace(tmp_path / "resources")


def values_of(option: Option):
    if option.kind == "bool":
        return st.booleans()
    if option.kind == "choice":
        return st.sampled_from(option.choices)
    if option.kind == "text":
        return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
    if option.kind == "float":
        return st.floats(option.minimum, option.maximum, exclude_min=option.exclusive)
    whole = st.integers(int(option.minimum), int(option.maximum))
    return whole | st.just("auto") if option.kind == "int_or_auto" else whole


some_settings = st.fixed_dictionaries({}, optional={o.key: values_of(o) for o in options()}).map(
    Settings().with_options
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(some_settings)
def test_settings_come_back_from_toml(tmp_path, chosen):
    path = tmp_path / "a.toml"
    path.write_text(settings_to_toml(chosen, "what it\nis for"), encoding="utf-8", newline="")
    assert read_settings(path) == chosen


def test_flag_beats_environment_beats_dotenv_beats_preset_beats_default(workspace):
    save_preset(workspace, "mine", Settings().with_options({"training.epochs": 2, "training.seed": 2}))
    layers = {"environ": {}}
    assert load_settings(workspace, **layers).training.epochs == 100
    layers["preset"] = "mine"
    assert load_settings(workspace, **layers).training.epochs == 2
    (workspace.root / ".env").write_text("FEXT_TRAINING__EPOCHS=3\n# a comment\nOTHER=1\n")
    assert load_settings(workspace, **layers).training.epochs == 3
    layers["environ"] = {"FEXT_TRAINING__EPOCHS": "4", "FEXT_RESOURCES": "/x", "PATH": "/bin"}
    assert load_settings(workspace, **layers).training.epochs == 4
    layers["overrides"] = ["training.epochs = 5"]
    found = load_settings(workspace, **layers)
    assert (found.training.epochs, found.training.seed) == (5, 2)


def test_the_process_environment_is_the_one_that_counts(workspace, monkeypatch):
    monkeypatch.setenv("FEXT_MODEL__DROPOUT", "0.5")
    assert load_settings(workspace).model.dropout == 0.5


def refusal(call, *arguments, **more) -> str:
    with pytest.raises(SettingsError) as caught:
        call(*arguments, **more)
    return str(caught.value)


def test_a_wrong_variable_is_named_with_its_source(workspace):
    message = refusal(load_settings, workspace, environ={"FEXT_TRAINING__EPOCHS": "many"})
    assert "FEXT_TRAINING__EPOCHS in the environment: training.epochs = 'many'" in message
    (workspace.root / ".env").write_text("FEXT_TRAINING__EPOCH=3\n")
    message = refusal(load_settings, workspace, environ={})
    assert "FEXT_TRAINING__EPOCH in .env" in message
    assert "did you mean training.epochs" in message
    (workspace.root / ".env").write_bytes(b"\xff\xfe\x00")
    assert ".env" in refusal(load_settings, workspace, environ={})


def test_a_wrong_flag_is_named(workspace):
    assert "has no value" in refusal(load_settings, workspace, overrides=["training.epochs"], environ={})
    assert "training.epochs = '0'" in refusal(
        load_settings, workspace, overrides=["training.epochs=0"], environ={}
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[training]\nepochs = 0\n",
            "training.epochs = 0 is not allowed; give a whole number from 1 to 100000",
        ),
        ("[training]\nepochs = nan\n", "training.epochs = nan"),
        ("[training]\nepochs = true\n", "training.epochs = True"),
        ("[training]\nepoch = 1\n", "did you mean training.epochs"),
        ("[trainings]\nepochs = 1\n", "did you mean training.epochs"),
        ("epochs = 1\n", "stands outside a section"),
        ("[training.epochs]\nx = 1\n", "training.epochs"),
        ("[training\n", "is not valid TOML"),
        ("a = " + "[" * 5000, "is not valid TOML"),
        ("#" * (300 << 10), "it is larger than 262,144 bytes"),
        (b"\xff\xfe[training]", "is not valid TOML"),
    ],
)
def test_a_broken_file_is_named_with_key_value_and_range(tmp_path, text, said):
    path = tmp_path / "broken\u202e.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refusal(read_settings, path)
    assert said in message
    assert r"broken\u202e.toml" in message
    assert "\n" not in message


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path):
    assert "cannot read" in refusal(read_settings, tmp_path / "none.toml")
    assert str(tmp_path) in refusal(read_settings, tmp_path)


def test_stock_presets_are_listed_first_read_well_and_stay(workspace):
    presets = list_presets(workspace)
    assert [p.name for p in presets] == list(STOCK_PRESETS)
    for preset in presets:
        assert preset.stock
        assert preset.description
        assert isinstance(read_settings(preset.path), Settings)
        assert "belongs to FeXT" in refusal(save_preset, workspace, preset.name, Settings())
        assert "belongs to FeXT" in refusal(delete_preset, workspace, preset.name)


def test_presets_are_saved_found_replaced_and_deleted(workspace):
    wanted = Settings().with_options({"training.epochs": 9})
    save_preset(workspace, "my own", Settings())
    save_preset(workspace, "my own", wanted, "for [red] nights\nand days")
    found = find_preset(workspace, "my own")
    assert (found.stock, found.description) == (False, "for [red] nights")
    assert find_preset(workspace, "my own.toml") == found
    assert read_settings(found.path) == wanted
    assert read_settings(find_preset(workspace, str(found.path)).path) == wanted
    delete_preset(workspace, "my own")
    assert "there is no preset called 'my own'; choose one of fextae_redux" in refusal(
        find_preset, workspace, "my own"
    )


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", "-x", "x" * 65, "a\nb", "last_used", "Quick", "é"])
def test_odd_and_reserved_names_are_refused(workspace, name):
    before = sorted(workspace.root.rglob("*"))
    refusal(save_preset, workspace, name, Settings())
    assert sorted(workspace.root.rglob("*")) == before


def test_the_last_configuration_is_remembered_but_is_no_preset(workspace):
    first = find_preset(workspace, "fextae_redux")
    assert load_last_used(workspace) == read_settings(first.path) and last_preset(workspace) == "fextae_redux"
    wanted = Settings().with_options({"model.name": "FextAE Large"})
    save_last_used(workspace, wanted)
    assert load_last_used(workspace) == wanted
    assert [p.name for p in list_presets(workspace)] == list(STOCK_PRESETS)
    assert last_preset(workspace) == "" and Settings().differences(wanted) == {
        "model.name": ("FextAE Redux", "FextAE Large")
    }
    save_last_used(workspace, wanted, 'a "b" [c]')
    assert last_preset(workspace) == 'a "b" [c]' and load_last_used(workspace) == wanted
    (workspace.configurations / "last_used.toml").write_text("[model]\nname = 5\n")
    assert "last_used.toml" in refusal(load_last_used, workspace)


def test_nan_never_gets_in_by_a_file(tmp_path):
    path = tmp_path / "nan.toml"
    for option in options():
        if option.kind == "float":
            for value in (math.nan, math.inf):
                path.write_text(f"[{option.section}]\n{option.name} = {value}\n")
                assert option.key in refusal(read_settings, path)


def test_a_preset_folder_that_cannot_be_written_is_told(workspace):
    folder = Path(workspace.configurations)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    for save in (lambda: save_preset(workspace, "mine", Settings()), lambda: save_last_used(workspace, Settings())):
        with pytest.raises(FextError, match="cannot write") as caught:
            save()
        assert not isinstance(caught.value, SettingsError)  # it is no wrong usage
