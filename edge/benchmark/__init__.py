"""`mien benchmark`: accuracy against latency, for every model at hand, on the machine at hand.

::

    MODEL... -> candidates -> a child process each (worker) -> rounds, accuracy -> results -> table, files, page

A child process a model: one that crashes takes nobody with it, and its memory is its own.
"""
