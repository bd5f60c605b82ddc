"""The track explorer and its lineage tree."""
