"""Keras 3: data to a trained .keras model, with reports. Imports `keras`, never `tensorflow`."""
