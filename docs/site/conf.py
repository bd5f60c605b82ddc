"""What Sphinx needs to know to build the site. `make_site.py` lays out the pages."""

project = "organoid_kit"
author = "organoid_kit contributors"
copyright = "organoid_kit contributors, MIT licence"
extensions = ["myst_nb"]

source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
nb_execution_mode = "off"  # make_site.py runs the notebooks
nb_output_stderr = "remove"  # remarks of TensorFlow, and progress bars
nb_ipywidgets_js = {}  # widgets need a kernel: a note stands in their place
myst_enable_extensions = []
myst_heading_anchors = 3
suppress_warnings = ["myst.header", "misc.highlighting_failure"]

html_theme = "sphinx_book_theme"
html_title = "organoid_kit"
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_theme_options = {
    "repository_url": "https://github.com/organoid-kit/organoid_kit",
    "repository_branch": "main",
    "path_to_docs": "",
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "use_repository_button": True,
    "use_download_button": False,
    "navbar_persistent": [],  # one search field is enough
    "show_navbar_depth": 1,
}
