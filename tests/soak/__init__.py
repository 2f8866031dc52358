"""`make soak`: run the daemon while faults are injected at random, from a seed; see docs/explanation/reliability.md."""
