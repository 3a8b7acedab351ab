# Throws three dice; the same ones with every run of:  haid run --seed 2026 dice.py dice.R -- {} ::: Aaron Bethan
import os
import random
import sys

random.seed(int(os.environ["HAID_SEED"]))
print(f"Python threw {random.choices(range(1, 7), k=3)} for {sys.argv[1]}")
