# Synchronous: ask, wait, ask, wait. Asynchronous: ask, ask, ask, and wait at the end.
#
#     $ python sync_async.py
#     synchronous
#     asked for 1
#     got 1
#     asked for 2
#     got 4
#     asked for 3
#     got 9
#     asynchronous
#     asked for 1
#     asked for 2
#     asked for 3
#     got 1
#     got 4
#     got 9
#     all at once
#     asked for all
#     got [1, 4, 9]
from haid import Pool


def square(x):
    return x * x


if __name__ == "__main__":
    with Pool() as pool:
        # apply waits for its result: one worker works, the others have nothing to do.
        print("synchronous")
        for x in [1, 2, 3]:
            print("asked for", x)
            print("got", pool.apply(square, (x,)))

        # apply_async comes back at once, with a promise of the result; get waits for it. Meanwhile all workers work.
        print("asynchronous")
        promises = []
        for x in [1, 2, 3]:
            print("asked for", x)
            promises.append(pool.apply_async(square, (x,)))
        for promise in promises:
            print("got", promise.get())

        # map_async is both: map, and a promise of its list.
        print("all at once")
        promise = pool.map_async(square, [1, 2, 3])
        print("asked for all")
        print("got", promise.get())
