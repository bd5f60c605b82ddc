# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Dashboards of organoid_kit
# Each opens as a page of its own, with the bundled movies. A movie of yours opens with
# `python -m organoid_kit view MOVIE ANNOTATIONS`, and in a notebook in any of them.

# %%
import base64
from html import escape
from pathlib import Path

import nbformat
from IPython.display import HTML

CARD = (
    '<a href="{name}.ipynb" target="_blank" style="flex:0 1 340px;padding:12px;border:1px solid #767676;'
    'border-radius:6px;color:inherit;text-decoration:none"><b style="font-size:1.2em">{title}</b>'
    '<p style="min-height:4.2em;margin:6px 0">{words}</p><img alt="" loading="lazy" src="{picture}" '
    'style="width:100%;height:230px;object-fit:cover;object-position:top left"></a>'
)


def draw_card(app):
    title, _, words = nbformat.read(app, as_version=4).cells[0].source.partition("\n")
    picture = Path("..", "docs", "pictures", f"{app.stem}.png")
    shown = base64.b64encode(picture.read_bytes()).decode() if picture.exists() else ""
    texts = {"title": escape(title.lstrip("# ")), "words": escape(words)}
    return CARD.format(name=app.stem, picture=f"data:image/png;base64,{shown}", **texts)


apps = [app for app in sorted(Path().glob("*.ipynb")) if app.stem != "start"]
HTML(f'<div style="display:flex;flex-wrap:wrap;gap:16px">{"".join(map(draw_card, apps))}</div>')
