"""Fuzzing: damaged input for every parser of mien that reads other people's data.

`make fuzz MINUTES=10`, or `python -m tests.fuzz --minutes 10 --seed 0 --out fuzz.json`. A target is one parser, with a
corpus of small valid inputs in `corpus/NAME/`. Each target runs in a child process, so that a crash or memory growth is
attributed to the input that caused it. An input must be accepted, or rejected by one of mien's own errors with a
message of one line; everything else is a finding: it is saved in `build/fuzz/NAME/`, and can be replayed.

Where atheris is installed, libFuzzer chooses the inputs by the code that they reach; otherwise, and for servers, a
seeded mutator damages the corpus. Two runs of that mutator with the same seed make the same inputs.
"""
