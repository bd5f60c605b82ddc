"""The stack browser: one scene, drawn by the page or by matplotlib."""
