// All of haid.
#pragma once

#include "haid/barrier.hpp"
#include "haid/codec.hpp"
#include "haid/condition.hpp"
#include "haid/error.hpp"
#include "haid/event.hpp"
#include "haid/exception.hpp"
#include "haid/lock.hpp"
#include "haid/map.hpp"
#include "haid/pipe.hpp"
#include "haid/pool.hpp"
#include "haid/process.hpp"
#include "haid/queue.hpp"
#include "haid/resources.hpp"
#include "haid/semaphore.hpp"
#include "haid/shared_array.hpp"
#include "haid/value.hpp"
