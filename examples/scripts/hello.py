import sys

print(f"Python was given {sys.argv[1]} and {sys.argv[2]}")
