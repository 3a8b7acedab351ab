# A pool computes the squares, and the main program prints them: in order.
#
#     $ python pool_map_return.py
#     [16, 4, 9, 25]
from haid import Pool


def square(x):
    return x * x


if __name__ == "__main__":
    with Pool() as pool:
        # The results are where their inputs were, whichever worker was first.
        squares = pool.map(square, [4, 2, 3, 5])

    # Returning results and printing them in one place is better than printing in the workers (pool_map_print.py).
    print(squares)
