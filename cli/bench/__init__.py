"""`recorder bench`: the paths that matter, each measured against a bare baseline in the same run."""
