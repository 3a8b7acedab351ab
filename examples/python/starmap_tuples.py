# A function of several arguments: starmap takes each item, a tuple, apart.
#
#     $ python starmap_tuples.py
#     Aaron: 3 * 4 = 12
#     Bethan: 5 * 6 = 30
#     Carys: 7 * 8 = 56
from haid import Pool


def multiply(who, a, b):
    return f"{who}: {a} * {b} = {a * b}"


if __name__ == "__main__":
    items = [("Aaron", 3, 4), ("Bethan", 5, 6), ("Carys", 7, 8)]
    with Pool() as pool:
        # map would call multiply(item); starmap calls multiply(*item).
        for line in pool.starmap(multiply, items):
            print(line)
