"""`make chaos`: the whole system under load, with everything that can break breaking; then its records are checked."""
