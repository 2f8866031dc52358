"""The sink `exec:COMMAND`: a program that is started for each message.

`CommandSink` passes messages to a `BoundedProgram`, whose time and output are limited. This module exports nothing: the
sink is opened by its URI.
"""
