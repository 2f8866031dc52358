"""Charts, one file each. Every chart has a function that returns the figure and one that writes it as PNG.

`style` holds what all charts share: colors, line styles, how names are shortened, and how a figure is made and saved.
matplotlib is imported when a figure is made; its global state (rcParams, pyplot) is not touched.
"""

from train.plots.style import cut, new_figure, save, short

__all__ = ["cut", "new_figure", "save", "short"]
