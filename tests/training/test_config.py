"""Configurations: presets load, a wrong key names the right one."""

import pytest
import yaml

from training.config import (
    ConfigError,
    as_mapping,
    build_config,
    explained_yaml,
    load_config,
    preset_names,
)

SMALL = {"cache": "c", "experts": {"text": {"source": "text"}, "image": {"source": "image"}}}


@pytest.mark.parametrize("name", preset_names())
def test_presets_load(name):
    config = load_config(name, ["cache=caches/x"])
    assert set(config.experts) >= {"baseline", "text", "image"}
    assert {"average", "moe"} <= set(config.mixtures)
    assert config.mixtures["moe"].experts == ("text", "image")
    assert config.gate.epochs == 50


def test_the_five_data_sets_have_presets():
    assert set(preset_names()) >= {"twitter15", "twitter17", "snap", "wikidiverse", "mnre"}


def test_experts_inherit_what_they_do_not_change():
    config = build_config(
        SMALL
        | {"fit": {"epochs": 3}, "experts": {"text": {"source": "text", "fit": {"clip": 1}}, "base": None}}
    )
    assert (config.experts["text"].fit.epochs, config.experts["text"].fit.clip) == (3, 1.0)
    assert config.experts["base"].source is None
    assert config.experts["base"].fit.epochs == 3


def test_released_settings_differ_from_the_papers():
    paper, released = load_config("twitter17"), load_config("twitter17-released")
    assert paper.experts["image"].fit.alignment
    assert not released.experts["image"].fit.alignment
    assert (paper.experts["text"].fit.epochs, released.experts["text"].fit.epochs) == (10, 15)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": [1]}, "seed: unknown key; did you mean 'seeds'"),
        ({"fit": {"epoch": 3}}, "epoch: unknown key; did you mean 'epochs'"),
        ({"experts": {"text": {"sorce": "text"}}}, "experts.text.sorce: unknown key; did you mean 'source'"),
        ({"device": "gpu"}, "device: should be 'auto', 'cpu', 'cuda' or 'mps', not \"gpu\""),
        ({"fit": {"epochs": "three"}}, 'fit.epochs: should be a valid integer, not "three"'),
        ({"fit": {"epochs": True}}, "fit.epochs: should be a valid integer, not true"),
        ({"seeds": 3}, "seeds: should be a valid array, not 3"),
        ({"seeds": [1, 1]}, "seeds: each seed once"),
        ({"fit": {"batch_size": 4, "accumulation": 3}}, "accumulation: must divide"),
        ({"mixtures": {"m": {"experts": ["text", "imgae"]}}}, "no expert 'imgae'; did you mean 'image'"),
        ({"mixtures": {"m": {"experts": ["text"]}}}, "at least two experts"),
        (
            {
                "seeds": [1],
                "mixtures": {name: {"experts": ["text", "text"]} for name in ("m", "n")}
                | {"o": {"experts": ["text", "image"]}},
            },
            "'text' 2 times needs as many seeds; to do without: --set mixtures.m=null --set mixtures.n=null",
        ),
        (
            {"mixtures": {name: {"experts": ["text", "object"]} for name in ("m", "n")}},
            "no expert 'object'; to do without: --set mixtures.m=null --set mixtures.n=null",
        ),
        ({"encoder": {"name": ""}}, "encoder.name: give a model's name or folder"),
        ({"evaluation_batch_size": 0}, "evaluation_batch_size: at least 1"),
        ({"fit": {"clip": -1}}, "fit.clip: above 0, or null"),
        ({"fit": {"weight_decay": -1}}, "fit.weight_decay: at least 0"),
        ({"mixtures": {"text": {"experts": ["text", "image"]}}}, "an expert has this name already"),
        ({"cache": ""}, "cache: give the folder"),
        ({"experts": {"../x": {}}}, "letters, digits"),
    ],
)
def test_what_is_wrong_is_named(values, message):
    with pytest.raises(ConfigError) as caught:
        build_config(SMALL | values)
    assert message in str(caught.value)


def test_changes_from_the_command_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    changes = ["fit.learning_rate=5e-6", "experts.text.fit.epochs=2", "seeds=[7]", "experts.image=null"]
    config = load_config(path, changes)
    assert config.fit.learning_rate == 5e-6
    assert config.experts["text"].fit.epochs == 2
    assert config.experts["text"].fit.learning_rate == 5e-6
    assert config.seeds == (7,)
    assert list(config.experts) == ["text"]
    with pytest.raises(ConfigError, match="write key=value"):
        load_config(path, ["fit.epochs"])
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        load_config(path, ["fit.epoch=1"])
    with pytest.raises(ConfigError, match="experts has no 'txt' to take out; did you mean 'text'"):
        load_config(path, ["experts.txt=null"])


def test_a_file_extends_a_preset_and_takes_entries_out(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("extends: twitter17\nfit: {epochs: 2}\nmixtures: {moe-raw: null}\n")
    config = load_config(path)
    assert config.cache == "caches/twitter17"
    assert config.experts["text"].fit.epochs == 2
    assert "moe-raw" not in config.mixtures
    path.write_text("extends: c.yaml\n")
    with pytest.raises(ConfigError, match="extends itself"):
        load_config(path)


def test_a_missing_file_names_the_presets(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'twitter17'"):
        load_config("twiter17")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="not YAML"):
        load_config(tmp_path / "broken.yaml")


def test_the_printed_configuration_explains_every_key_and_is_the_same():
    config = load_config("twitter17-released", ["limit=5"])
    text = explained_yaml(config)
    assert build_config(yaml.safe_load(text)) == config
    assert "# Passes over the training split.\n  epochs: 15\n" in text
    keys = [line for line in text.splitlines() if ":" in line and not line.lstrip().startswith("#")]
    plain = [line for line in keys if not line.startswith("  ")]
    for line in plain:
        assert text.splitlines()[text.splitlines().index(line) - 1].startswith("# "), line


@pytest.mark.parametrize("text", ["5e-6", "1E3", "-2e+1", ".5e1"])
def test_numbers_are_read_as_yaml_1_2_spells_them(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(f"cache: c\nexperts: {{a: {{}}}}\nfit: {{clip: {text.lstrip('-')}}}\n")
    assert load_config(path).fit.clip == float(text.lstrip("-"))


def test_a_configuration_survives_being_written():
    config = load_config("mnre")
    assert build_config(yaml.safe_load(yaml.safe_dump(_plain(as_mapping(config))))) == config


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value
