"""The parts of `shared.catch_up`: what waits is read, folded, written and told, for many recorders at a time."""
