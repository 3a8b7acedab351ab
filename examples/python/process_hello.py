# A function in a process of its own.
#
#     $ python process_hello.py
#     Hello Aaron
#     Process-1 has ended with exit code 0
import haid as mp


def greet(name):
    print("Hello", name)


# Only for the program itself: other programs may import this file, and so may children (start method spawn).
if __name__ == "__main__":
    # What to call, and what to call it with.
    child = mp.Process(target=greet, args=("Aaron",))

    # From here on there are two processes. This one goes on at once.
    child.start()

    # Waits until the other one has ended.
    child.join()

    # 0 means that the function returned. An exception would be 1, a crash minus the number of its signal.
    print(child.name, "has ended with exit code", child.exitcode)
