"""`export`: a network for OrganoidTracker."""

from pathlib import Path

from organoid_kit.cli.opening import Spacing, load_keras


def export(
    network: str, output: Path, spacing: Spacing, planes: int = 30, overwrite: bool = False
) -> None:
    """Writes the folder, and says where what to set is written."""
    load_keras()
    from organoid_kit.networks.export import export_to_organoidtracker

    options = {"spacing_um": spacing, "planes": planes, "overwrite": overwrite}
    folder = export_to_organoidtracker(network, output, **options)
    print(f"OrganoidTracker's model_folder: {folder}\nWhat to set there: {folder / 'README.txt'}")
