"""What the chapters' figures have in common: letters that a phone can show, and lines that differ in more
than their colour."""

from matplotlib import pyplot as plt

INK, BLUE, RED, GREY = "#1b1f24", "#0757b8", "#b01e1e", "#6b7480"

plt.rcParams.update(
    {
        "figure.figsize": (4.8, 3.0),  # on a phone, letters are three quarters of their size
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "axes.facecolor": "white",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e3e6ea",
        "font.size": 11,
        "lines.linewidth": 2,
        "svg.fonttype": "none",
    }
)


def svg():
    """Figures of this notebook as SVG. Call it once, first."""
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("svg")


def axes(across, up, count=1, **options):
    """One axis, or several below each other, with names."""
    figure, all_axes = plt.subplots(count, 1, squeeze=False, figsize=(4.8, 3.0 * count), **options)
    for each in all_axes[:, 0]:
        each.set_xlabel(across)
        each.set_ylabel(up)
    return (figure, all_axes[:, 0]) if count > 1 else (figure, all_axes[0][0])
