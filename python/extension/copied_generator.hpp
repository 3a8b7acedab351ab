// numpy's global generator (numpy.random.rand and its kin) in workers that were forked: each has a copy of the
// program's, and so all draw the same numbers. Who lets them is told.
#pragma once

#include <nanobind/nanobind.h>

namespace haid::python {

// Of the generator as it is now, workers will be forked. None: there is nothing to be seen. `generator`: numpy's
// BitGenerator.
void watch_generator(nanobind::object generator);

// In a worker that was forked, when its initializer is behind it: whoever has used or seeded the generator there will
// know what he does.
void look_at_generator_from_now_on();

// In a worker, after an item: whether items have drawn from the copy without having seeded it, and no worker of this
// program has found that before. Costs nothing but now and then, and never again once there was something to see.
bool copied_generator_was_used();

}  // namespace haid::python
