# The C++ library as others use it, haid::haid: one archive of the rooms that it needs, and the public headers. It links
# to nothing but threads. (The target `haid` is the program.)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
find_package(Threads REQUIRED)

set(rooms)
foreach(room IN ITEMS system process channel sync pool nodes remote library fmt)
  list(APPEND rooms $<TARGET_OBJECTS:haid_${room}>)
endforeach()
add_library(haid_cpp STATIC ${rooms})
add_library(haid::haid ALIAS haid_cpp)
set_target_properties(haid_cpp PROPERTIES OUTPUT_NAME haid EXPORT_NAME haid LINKER_LANGUAGE CXX)
target_include_directories(haid_cpp INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                              $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(haid_cpp INTERFACE cxx_std_20)
target_link_libraries(haid_cpp INTERFACE Threads::Threads)

# libsodium goes into the archive, so that its users need not have it.
file(WRITE ${CMAKE_BINARY_DIR}/add_sodium.mri
     "OPEN $<TARGET_FILE:haid_cpp>\nADDLIB ${SODIUM_LIBRARY}\nSAVE\nEND\n")
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/add_sodium_$<CONFIG>.mri INPUT ${CMAKE_BINARY_DIR}/add_sodium.mri)
add_custom_command(TARGET haid_cpp POST_BUILD VERBATIM
                   COMMAND sh -c "\"$0\" -M < \"$1\"" ${CMAKE_AR} ${CMAKE_BINARY_DIR}/add_sodium_$<CONFIG>.mri)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/haid)
configure_package_config_file(packaging/haid-config.cmake.in ${CMAKE_BINARY_DIR}/haid-config.cmake
                              INSTALL_DESTINATION ${package_folder})
# Before 1.0 a minor version may change what compiles.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/haid-config-version.cmake COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH HAID_LIBDIR_TO_INCLUDEDIR ${CMAKE_INSTALL_FULL_LIBDIR} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(packaging/haid.pc.in ${CMAKE_BINARY_DIR}/haid.pc @ONLY)

install(TARGETS haid RUNTIME)
install(TARGETS haid_cpp EXPORT haid ARCHIVE)
install(EXPORT haid NAMESPACE haid:: FILE haid-targets.cmake DESTINATION ${package_folder})
install(DIRECTORY include/haid DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(FILES ${CMAKE_BINARY_DIR}/haid-config.cmake ${CMAKE_BINARY_DIR}/haid-config-version.cmake
        DESTINATION ${package_folder})
install(FILES ${CMAKE_BINARY_DIR}/haid.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
