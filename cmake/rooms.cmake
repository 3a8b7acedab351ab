# A room is one static library, named after its folder in src/, that links only to the rooms it may use.
add_library(haid_flags INTERFACE)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(haid_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                              -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast)
else()
  # The warnings of the project around us are for its own sources, and its compiler need not be one of ours.
  target_compile_options(haid_flags INTERFACE -w)
endif()
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

# Nothing of an archive is seen from outside of the program or the library that it becomes part of. What is seen of a shared
# library says cmake/exported.map; these settings win over those of a project around us.
function(haid_hide target)
  set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON UNITY_BUILD OFF)
  if(BUILD_SHARED_LIBS)
    set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET default)
  endif()
endfunction()

# haid_room(NAME SOURCES file… USES room…)
function(haid_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES" ${ARGN})
  add_library(haid_${name} STATIC ${ROOM_SOURCES})
  haid_hide(haid_${name})
  target_link_libraries(haid_${name} PUBLIC haid_flags haid_fmt)
  # A function of a shared library is looked up when it is first called, and each process that is forked before that looks
  # it up again, page faults included: 7 % of a pool's start. So all are looked up when the program starts.
  target_compile_options(haid_${name} PRIVATE -fno-plt)
  foreach(used IN LISTS ROOM_USES)
    target_link_libraries(haid_${name} PUBLIC haid_${used})
  endforeach()
endfunction()
