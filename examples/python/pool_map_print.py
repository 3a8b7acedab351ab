# A pool of worker processes prints the squares of ten numbers.
#
#     $ python pool_map_print.py
#     0 squared is 0
#     1 squared is 1
#     …                      in whatever order the workers get to it: all lines are there, each whole
from haid import Pool


def print_square(x):
    print(f"{x} squared is {x * x}")


if __name__ == "__main__":
    with Pool() as pool:  # as many workers as this program may use CPUs
        # Calls print_square(0), print_square(1), … print_square(9) in the workers, and waits for all of it.
        pool.map(print_square, range(10))

    # No line is lost, also where the output goes to a file: a worker's lines are out before its call counts as done.
    # (With multiprocessing they wait in the workers, and die with them where the with-block ends.)
