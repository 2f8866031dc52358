"""Charts, one file each. matplotlib's own state is left alone: every figure is made and drawn by itself."""
