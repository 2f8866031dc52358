"""Training with Keras 3: from labeled faces to a trained `.keras` model, with reports.

The rooms, from the data to the command: `recipes` (what to train, and how), `data` (augmentation, batches, duplicates,
soft labels, download), `models` (architectures, loading and combining networks), `training` (the run), `evaluation`
(scores), `plots` (charts), `cli` (`mien train`), and `records` (the runs behind the published figures). `run_folder`
defines what a run leaves behind, `backend` imports Keras.

The package imports `keras`, and never `tensorflow` at module level.
"""
