# Throws three dice; the same ones with every run of:  haid run --seed 2026 dice.py dice.R -- {} ::: Aaron Bethan
set.seed(as.integer(Sys.getenv("HAID_SEED")))
cat("R threw", sample(1:6, 3, replace = TRUE), "for", commandArgs(trailingOnly = TRUE)[1], "\n")
