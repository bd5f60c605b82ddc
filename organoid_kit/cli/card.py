"""`card`: a network with its model card."""

from pathlib import Path

from organoid_kit.cli.opening import load_keras


def card(network: str, output: Path, author: str = "", license: str = "") -> None:
    """Writes the folder."""
    load_keras()
    from organoid_kit.report.model_card import write_model_card

    folder = write_model_card(network, output, author=author, license=license)
    print(f"Card: {folder / 'README.md'}")
