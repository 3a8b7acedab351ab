# Random numbers in parallel: each item draws from a stream of its own, so that the result is the same with every run,
# whatever the number of workers.
#
#     $ python random_streams.py
#     pi is about 3.1428, with 1 worker
#     pi is about 3.1428, with 2 workers
#     pi is about 3.1428, with 3 workers
import haid as mp

THROWS = 20_000


def estimate(_):
    random = mp.stream(2026)  # of the item that runs here; made in the function, so that no two share it
    hits = sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(THROWS))
    return 4 * hits / THROWS


if __name__ == "__main__":
    for workers in (1, 2, 3):
        with mp.Pool(workers) as pool:
            estimates = pool.map(estimate, range(20))
        mean = sum(estimates) / len(estimates)
        print(f"pi is about {mean:.4f}, with {workers} worker{'s' * (workers > 1)}")
