#include "system/thread_libraries.hpp"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace haid::system {
namespace {

struct Library {
    const char* in_name;               // of its file
    const char* variable;              // with which people decide for themselves
    std::vector<const char*> setters;  // void (int); the first that it has
};

const std::vector<Library>& libraries() {
    static const std::vector<Library> known = {
        // NumPy's and SciPy's wheels bring builds with names of their own.
        {"openblas",
         "OPENBLAS_NUM_THREADS",
         {"openblas_set_num_threads", "openblas_set_num_threads64_", "scipy_openblas_set_num_threads",
          "scipy_openblas_set_num_threads64_"}},
        {"mkl_rt", "MKL_NUM_THREADS", {"MKL_Set_Num_Threads"}},
        {"blis", "BLIS_NUM_THREADS", {"bli_thread_set_num_threads"}},
        {"libgomp", "OMP_NUM_THREADS", {"omp_set_num_threads"}},
        {"libomp", "OMP_NUM_THREADS", {"omp_set_num_threads"}},
        {"libiomp", "OMP_NUM_THREADS", {"omp_set_num_threads"}},
    };
    return known;
}

int add_file(dl_phdr_info* info, std::size_t, void* files) {
    if (info->dlpi_name != nullptr && *info->dlpi_name != '\0') {
        static_cast<std::vector<std::string>*>(files)->emplace_back(info->dlpi_name);
    }
    return 0;
}

void add_setter(const std::string& file, const Library& library, std::vector<void (*)(int)>& setters) {
    void* handle = ::dlopen(file.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (handle == nullptr) return;
    for (const char* name : library.setters) {
        if (void* setter = ::dlsym(handle, name)) {
            setters.push_back(reinterpret_cast<void (*)(int)>(setter));
            break;
        }
    }
    ::dlclose(handle);
}

}  // namespace

std::vector<void (*)(int)> thread_setters() {
    std::vector<void (*)(int)> setters;
    std::vector<std::string> files;
    ::dl_iterate_phdr(add_file, &files);
    for (const std::string& file : files) {
        const std::string_view name = std::string_view(file).substr(file.rfind('/') + 1);
        for (const Library& library : libraries()) {
            if (name.find(library.in_name) != std::string_view::npos && ::getenv(library.variable) == nullptr) {
                add_setter(file, library, setters);
            }
        }
    }
    return setters;
}

}  // namespace haid::system
