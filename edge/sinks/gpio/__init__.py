"""The sink `gpio:PIN?when=happy`: a pin that is on while a face shows an expression.

This module exports nothing: the sink is opened by its URI.
"""
