# A room is one static library, named after its folder in src/, that links only to the rooms it may use.
add_library(haid_flags INTERFACE)
target_compile_options(haid_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                            -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms in std::string of GCC 12: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105651
  target_compile_options(haid_flags INTERFACE -Wno-restrict)
endif()
target_include_directories(haid_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
if(HAID_SANITIZE)
  target_compile_options(haid_flags INTERFACE -fsanitize=${HAID_SANITIZE} -fno-omit-frame-pointer
                                              -fno-sanitize-recover=all)
  target_link_options(haid_flags INTERFACE -fsanitize=${HAID_SANITIZE})
  if(HAID_FUZZ)
    target_compile_options(haid_flags INTERFACE -fsanitize=fuzzer-no-link)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC's manual: sanitizers make for false alarms; here in std::variant, as Result holds one.
    target_compile_options(haid_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()

# haid_room(NAME SOURCES file… USES room…)
function(haid_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES" ${ARGN})
  add_library(haid_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(haid_${name} PUBLIC haid_flags haid_fmt)
  # A function of a shared library is looked up when it is first called, and each process that is forked before that looks
  # it up again, page faults included: 7 % of a pool's start. So all are looked up when the program starts.
  target_compile_options(haid_${name} PRIVATE -fno-plt)
  foreach(used IN LISTS ROOM_USES)
    target_link_libraries(haid_${name} PUBLIC haid_${used})
  endforeach()
endfunction()
