"""Items as users know them: picture, text, sound; and tables and curves in the book's one style.

Used by the notebooks only; nothing here computes a result.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML, Audio, Markdown
from matplotlib.figure import Figure

from mmrec.data.catalogue import Catalogue
from mmrec.data.media import read_image
from mmrec.evaluation.record import short_commit
from mmrec.evaluation.statistics import at_floor, format_p

COLOURS = {"text": "#4477aa", "image": "#ee6677", "audio": "#228833", "fusion": "#aa3377", "other": "#777777"}
"""One colour a modality throughout the book (Tol's bright scheme, safe for colour-blind readers)."""

METRIC_NAMES = {"ndcg@20": "NDCG@20", "auc": "AUC"}

_CARD_STYLE = """<style>
.mmrec-card { display: inline-block; vertical-align: top; width: 11rem; margin: .3rem; padding: .5rem;
  border: 1px solid #8886; border-radius: .4rem; font-size: .8rem; line-height: 1.3; }
.mmrec-card img { height: 9rem; display: block; margin: auto; }
.mmrec-card audio { width: 100%; }
.mmrec-card em { display: block; margin: .2rem 0; }
/* The book's dark theme puts outputs on a light panel; cards have the page's own colours instead. */
.text_html:has(.mmrec-card) { background: none !important; color: inherit !important; padding: 0 !important; }
.mmrec-card img { background: none !important; padding: 0 !important; }
</style>"""


def contact_sheet(
    catalogue: Catalogue, items: Sequence[int], captions: Sequence[str] | None = None, columns: int = 6
) -> Figure:
    """The pictures of some items in a grid.

    Args:
        catalogue: where the pictures are.
        items: item indices; one without a picture gets an empty frame that says so.
        captions: a line above each picture (ASCII is safest: figure fonts need not hold Chinese).
        columns: pictures a row.
    """
    rows = -(-len(items) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.5 * columns, 2.3 * rows), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, item in enumerate(items):
        axis, path = axes.flat[place], catalogue.media_path(item, "image")
        if path is None:
            axis.text(0.5, 0.5, "no picture", ha="center", va="center", transform=axis.transAxes, color="grey")
        else:
            axis.imshow(read_image(path))
        if captions is not None:
            axis.set_title(captions[place], fontsize=8)
    figure.tight_layout()
    return figure


def player(catalogue: Catalogue, item: int) -> Audio | None:
    """An audio player for the item's sound, embedded in the page; None where it has none."""
    path = catalogue.media_path(item, "audio")
    return None if path is None else Audio(filename=str(path), embed=True)


def item_cards(
    catalogue: Catalogue,
    items: Sequence[int],
    scores: Sequence[float] | None = None,
    notes: Sequence[str] | None = None,
    sound: bool = True,
) -> HTML:
    """Cards with picture, title, the beginning of the text, and a player.

    Args:
        catalogue: where the media are.
        items: item indices, in the order to show.
        scores: a score for each card.
        notes: a line for each card, such as the reason for it.
        sound: whether to embed players.
    """
    cards = []
    for place, item in enumerate(items):
        title = html.escape(str(catalogue.titles()[item]))
        parts = [_picture(catalogue, item, title), f"<strong>{title}</strong>"]
        if scores is not None:
            parts.append(f"<br>score {scores[place]:.3f}")
        if notes is not None:
            parts.append(f"<em>{html.escape(notes[place])}</em>")
        text = str(catalogue.items["text"].iat[item])
        parts.append(f"<div>{html.escape(text[:120])}{'…' if len(text) > 120 else ''}</div>")
        if sound:
            parts.append(_sound(catalogue, item))
        cards.append(f'<div class="mmrec-card">{"".join(parts)}</div>')
    return HTML(f"{_CARD_STYLE}<div>{''.join(cards)}</div>")


def _picture(catalogue: Catalogue, item: int, title: str) -> str:
    path = catalogue.media_path(item, "image")
    if path is None:
        return "<div>(no picture)</div>"
    return f'<img alt="Picture of {title}" src="{_embedded(path)}">'


def _sound(catalogue: Catalogue, item: int) -> str:
    path = catalogue.media_path(item, "audio")
    if path is None:
        return "<div>(no sound)</div>"
    return f'<audio controls preload="none" src="{_embedded(path)}"></audio>'


def _embedded(path: Path) -> str:
    kinds = {
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".ogg": "audio/ogg",
        ".mp3": "audio/mpeg",
    }
    kind = kinds.get(path.suffix.lower(), "application/octet-stream")
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def spectrogram(log_mel: np.ndarray, seconds: float, title: str = "") -> Figure:
    """A log-mel spectrogram (frames, mels) with time across and mel band up."""
    figure, axis = plt.subplots(figsize=(7, 2.6))
    drawn = axis.imshow(log_mel.T, origin="lower", aspect="auto", extent=(0, seconds, 0, log_mel.shape[1]))
    axis.set(xlabel="seconds", ylabel="mel band", title=title)
    figure.colorbar(drawn, label="log power")
    figure.tight_layout()
    return figure


def interval_plot(rows: Mapping[str, tuple[float, float, float]], label: str, reference: float | None = None) -> Figure:
    """Means with their intervals as horizontal bars; ``reference`` draws a dashed line (random, the oracle)."""
    figure, axis = plt.subplots(figsize=(7, 0.4 * len(rows) + 1))
    names = list(rows)[::-1]
    mean, low, high = (np.array([rows[name][part] for name in names]) for part in range(3))
    style: dict[str, Any] = {"color": COLOURS["text"], "ecolor": "black", "capsize": 3}
    axis.barh(names, mean, xerr=np.stack([mean - low, high - mean]), **style)
    if reference is not None:
        axis.axvline(reference, linestyle="--", color="grey")
    axis.set_xlabel(label)
    figure.tight_layout()
    return figure


def paired_table(tests: pd.DataFrame) -> pd.DataFrame:
    """A table of ``Comparison.against`` with p-values as text, ``<=`` at the floor of the permutation test."""
    shown = tests.drop(columns="at floor", errors="ignore").astype(object)
    shown["difference"] = [f"{value:+.4f}" for value in tests["difference"]]
    floor = [at_floor(p) for p in tests["p"]]
    for column in ("p", "p (Holm)"):
        shown[column] = [format_p(p, low) for p, low in zip(tests[column], floor, strict=True)]
    return shown


def control_table(control: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of ``controls.controlled``: a model and its controls, mean and 95% interval over users per metric."""
    cell = "{:.3f} [{:.3f}, {:.3f}]".format
    rows = {
        model: {METRIC_NAMES[metric]: cell(*interval) for metric, interval in row.items()}
        for model, row in control["rows"].items()
    }
    return pd.DataFrame(rows).T


def control_text(control: Mapping[str, Any], source: str, level: float = 0.05) -> Markdown:
    """The tests of ``controls.controlled`` as a list: difference, runs above, p, and whether it is significant.

    Args:
        control: what ``controlled`` gave, or the same from a record.
        source: where the numbers come from: "this run", or "RECORDED at commit ...".
        level: of significance after Holm's correction.
    """
    runs = control["runs"]
    lines = [f"{source}, {runs} training{'' if runs == 1 else 's'} per model:", ""]
    for test in control["tests"]:
        verdict = "significant" if test["p (Holm)"] < level else "**not significant**"
        p = format_p(test["p (Holm)"], at_floor(test["p"]), relation=True)
        lines.append(
            f"- {METRIC_NAMES[test['metric']]}, {test['pair']}: {test['difference']:+.4f}, "
            f"p (Holm) {p}: {verdict}. Above in {test['runs above']} of {runs} trainings, "
            f"significant in {test['runs significant']} of them alone (p < .05)."
        )
    return Markdown("\n".join(lines))


def control_verdict(control: Mapping[str, Any], what: str, level: float = 0.05) -> str:
    """Sentences per metric: does the content help, that is, is the model significantly above every control?

    The tests are those of the mean over the trainings. Where they are significant and some trainings alone are not, a
    further sentence gives their number.

    Args:
        control: what ``controlled`` gave, or the same from a record.
        what: the content, as in "sound".
        level: of significance after Holm's correction.
    """
    sentences = []
    for metric, name in METRIC_NAMES.items():
        tests = [test for test in control["tests"] if test["metric"] == metric]
        failed = [
            test["pair"].split(" - ")[-1] for test in tests if test["difference"] <= 0 or test["p (Holm)"] >= level
        ]
        if failed:
            sentences.append(f"By {name} the gain from {what} is not significant against {' and '.join(failed)}.")
        else:
            sentences.append(f"By {name} {what} adds significantly: the mean over trainings is above every control.")
            runs, single = control["runs"], min(test["runs significant"] for test in tests)
            if single < runs:
                sentences.append(f"A single training shows it in only {single} of {runs} cases.")
    return " ".join(sentences)


def recorded_control(record: Mapping[str, Any]) -> Markdown:
    """``control_text`` of a record, or a sentence that the record is to be made again where it holds no control."""
    control = record["results"].get("control")
    if control is None:
        return Markdown("The recorded control waits for the record: it was made before this chapter measured one.")
    return control_text(control, f"RECORDED at commit {short_commit(record)}")
