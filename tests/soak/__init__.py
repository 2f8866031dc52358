"""`make soak`: a daemon that everything happens to, at random from a seed; see docs/reliability.md."""
