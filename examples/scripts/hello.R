arguments <- commandArgs(trailingOnly = TRUE)
cat(sprintf("R was given %s and %s\n", arguments[1], arguments[2]))
