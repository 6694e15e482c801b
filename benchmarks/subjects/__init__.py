"""How each subject is measured; `benchmarks.plan` lists them."""
