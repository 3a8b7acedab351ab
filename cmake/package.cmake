# The C++ library as others use it. haid::haid is one library of the rooms that it needs, and the public headers; it links to
# nothing but threads. haid::cluster adds to it what reaches other nodes. (The target `haid` is the program.)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
find_package(Threads REQUIRED)

# haid_library(TARGET NAME TYPE room…): of the rooms' objects; haid::NAME in this build and in others.
function(haid_library target name type)
  list(TRANSFORM ARGN REPLACE "(.+)" "$<TARGET_OBJECTS:haid_\\1>" OUTPUT_VARIABLE objects)
  add_library(${target} ${type} ${objects})
  add_library(haid::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} LINKER_LANGUAGE CXX)
  target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                 $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} INTERFACE cxx_std_20)
endfunction()

set(rooms system process schedule channel sync pool library fmt)
set(libraries haid_cpp)
if(BUILD_SHARED_LIBS)
  haid_library(haid_cpp haid SHARED ${rooms})
  # Before 1.0 a minor version may change what programs were compiled with.
  set_target_properties(haid_cpp PROPERTIES VERSION ${PROJECT_VERSION}
                                            SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
                                            LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/exported.map)
  target_link_options(haid_cpp PRIVATE LINKER:--version-script=${CMAKE_CURRENT_LIST_DIR}/exported.map LINKER:--no-undefined)
  target_link_libraries(haid_cpp PUBLIC Threads::Threads)
else()
  haid_library(haid_cpp haid STATIC ${rooms})
  # What the standard library's templates leave in it is no affair of those who load a plugin, either.
  target_link_options(haid_cpp INTERFACE LINKER:--exclude-libs,libhaid.a)
  target_link_libraries(haid_cpp INTERFACE Threads::Threads)
endif()
set_target_properties(haid_cpp PROPERTIES OUTPUT_NAME haid)

# Other nodes start the program that has the pool, and find its functions by their place in it: that program is linked
# statically.
if(HAID_CLUSTER AND NOT BUILD_SHARED_LIBS)
  haid_library(haid_cluster_cpp cluster STATIC reach remote nodes)
  set_target_properties(haid_cluster_cpp PROPERTIES OUTPUT_NAME haid-cluster)
  target_link_options(haid_cluster_cpp INTERFACE LINKER:--undefined=haid_pool_over_nodes)
  target_link_libraries(haid_cluster_cpp INTERFACE haid_cpp)
  list(APPEND libraries haid_cluster_cpp)
  if(HAID_SODIUM_LIBRARY MATCHES "\\.a$")
    # libsodium goes into the archive, so that its users need not have it.
    set(script ${PROJECT_BINARY_DIR}/add_sodium)
    file(WRITE ${script}.mri "OPEN $<TARGET_FILE:haid_cluster_cpp>\nADDLIB ${HAID_SODIUM_LIBRARY}\nSAVE\nEND\n")
    file(GENERATE OUTPUT ${script}_$<CONFIG>.mri INPUT ${script}.mri)
    add_custom_command(TARGET haid_cluster_cpp POST_BUILD VERBATIM
                       COMMAND sh -c "\"$0\" -M < \"$1\"" ${CMAKE_AR} ${script}_$<CONFIG>.mri)
  else()
    target_link_libraries(haid_cluster_cpp INTERFACE sodium)
    set(HAID_PC_SODIUM "-lsodium")
  endif()
endif()

if(NOT HAID_INSTALL)
  return()
endif()
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/haid)
set(package ${PROJECT_BINARY_DIR}/package)
configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/haid-config.cmake.in ${package}/haid-config.cmake
                              INSTALL_DESTINATION ${package_folder})
# Before 1.0 a minor version may change what compiles.
write_basic_package_version_file(${package}/haid-config-version.cmake COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH HAID_LIBDIR_TO_INCLUDEDIR ${CMAKE_INSTALL_FULL_LIBDIR} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
if(NOT BUILD_SHARED_LIBS)
  set(HAID_PC_HIDDEN "-Wl,--exclude-libs,libhaid.a ")
endif()
configure_file(${PROJECT_SOURCE_DIR}/packaging/haid.pc.in ${package}/haid.pc @ONLY)
install(FILES ${package}/haid.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(TARGET haid_cluster_cpp)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/haid-cluster.pc.in ${package}/haid-cluster.pc @ONLY)
  install(FILES ${package}/haid-cluster.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
if(HAID_PROGRAM)
  install(TARGETS haid RUNTIME)
endif()
install(TARGETS ${libraries} EXPORT haid)
install(EXPORT haid NAMESPACE haid:: FILE haid-targets.cmake DESTINATION ${package_folder})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/haid DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(FILES ${package}/haid-config.cmake ${package}/haid-config-version.cmake DESTINATION ${package_folder})
