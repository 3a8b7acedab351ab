# Debian packages fmt as a shared library only; the program is one static file. fmt ships its implementation as a header
# too: compile that once, into a library of our own.
find_path(HAID_FMT_INCLUDE_DIR fmt/format-inl.h REQUIRED)
add_library(haid_fmt STATIC ${CMAKE_CURRENT_LIST_DIR}/fmt.cpp)
target_include_directories(haid_fmt SYSTEM PUBLIC ${HAID_FMT_INCLUDE_DIR})
haid_hide(haid_fmt)
