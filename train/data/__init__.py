"""The data of a training run, beyond what `edge.datasets` reads.

`batches` feeds a split to Keras with `augmentation`; `soft_labels` makes targets of FER+'s votes; `exploration` counts
a data set and draws it, `duplicates` finds faces that occur more than once; `download` gets data sets from Kaggle.
"""
