"""The annotation checker, and the editor behind it."""
