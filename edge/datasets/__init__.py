"""Labeled faces: FER-2013, FER+ and folders of images.

A `DataSet` is the path of one, with what its folders do not state. `load_dataset` in `reader` chooses between `fer2013`
(the CSV, in any compression) and `image_folders`, which reads what `folder_layout` finds. Both put faces into a
`FaceStore` of `image_store`, which moves to disk what does not fit into memory, and report to `BadRecords` what they
leave out; `table_cache` keeps the faces of a large CSV for the next command. The result is one `Faces` for each split.
`ferplus` replaces FER-2013's labels by those of FER+'s votes.
"""

from edge.datasets.bad_records import BadRecords, summarize_bad_records
from edge.datasets.data_set import DataLocation, DataSet, check_exists
from edge.datasets.faces import SPLITS, Faces, Progress
from edge.datasets.ferplus import LABEL_MODES, VOTE_COLUMNS, read_votes, relabel_by_votes, winners
from edge.datasets.image_store import FaceStore, take_images
from edge.datasets.reader import load_dataset

__all__ = [
    "LABEL_MODES",
    "SPLITS",
    "VOTE_COLUMNS",
    "BadRecords",
    "DataLocation",
    "DataSet",
    "FaceStore",
    "Faces",
    "Progress",
    "check_exists",
    "load_dataset",
    "read_votes",
    "relabel_by_votes",
    "summarize_bad_records",
    "take_images",
    "winners",
]
