# map keeps all results until the last one is there; imap hands them out one by one. That is memory.
#
#     $ python imap_memory.py
#     imap: 40000 results of 10 KiB, at most 69 MiB in memory
#     map:  40000 results of 10 KiB, at most 497 MiB in memory
from haid import Pool

COUNT = 40_000


def make_items():
    # A generator: no item exists before somebody asks for it.
    for i in range(COUNT):
        yield chr(ord("a") + i % 26) * 10_240


def process(text):
    return text.upper()


def peak_memory():
    """The most that this process has had in memory so far, in MiB."""
    with open("/proc/self/status") as status:
        (kib,) = (line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kib) // 1024


if __name__ == "__main__":
    with Pool(2) as pool:
        # Only some items are on their way at any time. How many can be said: imap(…, buffersize=100), which
        # multiprocessing does not know: its imap reads the input as fast as it can.
        count = sum(1 for result in pool.imap(process, make_items(), chunksize=10))
        print(f"imap: {count} results of 10 KiB, at most {peak_memory()} MiB in memory")

        # The list holds all results.
        results = pool.map(process, make_items())
        print(f"map:  {len(results)} results of 10 KiB, at most {peak_memory()} MiB in memory")
