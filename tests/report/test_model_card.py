import json

import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import make_settings
from organoid_kit.networks.building import build_network
from organoid_kit.networks.folders import find_network_folder
from organoid_kit.networks.saving import load_network, save_network
from organoid_kit.report.model_card import write_model_card
from organoid_kit.training.runs import make_run
from training_helpers import make_blobs, weights_of


@pytest.mark.parametrize("network", ["position", "division", "link"])
def test_a_card_says_what_is_known_beside_the_network(tmp_path, network):
    settings = make_settings(network, patch_shape_zyx=(4, 16, 16), calibration=(1.5, -0.2))
    own = build_network(settings)
    save_network(own, settings, tmp_path / "own")
    card = write_model_card(
        tmp_path / "own", tmp_path / "card", author="A. Person", license="CC-BY-4.0"
    )
    text = (card / "README.md").read_text(encoding="utf-8")
    assert "1.5 · logit(p) -0.2" in text and "Not measured." in text and "2 × 1 × 1 µm" in text
    assert "A. Person. CC-BY-4.0." in text and "In other programs" not in text
    assert weights_of(load_network(card)[0]) == weights_of(own)


def test_the_card_of_a_shipped_network_states_its_scores(tmp_path):
    card = write_model_card("position_small", tmp_path / "card")
    scores = json.loads((find_network_folder("position_small") / "scores.json").read_text())
    f1 = scores["invented_test_movies"]["f1"]
    assert f"- f1: {f1:.3g}" in (card / "README.md").read_text(encoding="utf-8")


def test_the_card_of_a_run_names_its_data(tmp_path):
    settings = make_settings("position", output_folder=str(tmp_path / "runs"))
    training, validation = make_blobs(0), make_blobs(1)
    run = make_run(settings, [training], [validation])
    save_network(build_network(settings), settings, run.network_folder)
    text = (write_model_card(run.folder, tmp_path / "card") / "README.md").read_text(
        encoding="utf-8"
    )
    for each in run.details["data"]:
        assert f"| {each['name']} | {each['part']} | 2 | 8 | `{each['images_sha256'][:16]}`" in text
    assert "License not given" in text


def test_a_card_is_not_overwritten(tmp_path):
    settings = make_settings("division", patch_shape_zyx=(4, 16, 16))
    save_network(build_network(settings), settings, tmp_path / "own")
    write_model_card(tmp_path / "own", tmp_path / "card")
    with pytest.raises(UserError, match="never overwritten"):
        write_model_card(tmp_path / "own", tmp_path / "card")
