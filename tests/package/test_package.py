"""The library as it is installed: other projects build with it, and it knows nothing of where it was built."""

import ctypes
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
CHECKOUT = FOLDER.parents[1]
BUILD = pathlib.Path(os.environ.get("HAID_BUILD", CHECKOUT / "build")).resolve()
EXPECTED = "42 1 4 6 8 1\n"
CXX = os.environ.get("CXX", "g++")

pytestmark = pytest.mark.timeout(1500)  # compilers on busy machines


def run(*command, timeout=250, **environment):
    command = [str(word) for word in command]
    result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env={**os.environ, **environment})
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--prefix", folder / "first")
    # Whatever is installed can be moved.
    return (folder / "first").rename(folder / "moved")


def configure(project, folder, prefix, *settings):
    run("cmake", "-G", "Ninja", "-S", FOLDER / project, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", *settings)


def test_a_cmake_project(prefix, tmp_path):
    configure("consumer", tmp_path, prefix)
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "consumer") == EXPECTED


def package_flags(prefix, name):
    (found,) = prefix.rglob("haid.pc")
    return shlex.split(run("pkg-config", "--cflags", "--libs", name, PKG_CONFIG_PATH=str(found.parent)))


def test_pkg_config(prefix, tmp_path):
    sources = sorted((FOLDER / "consumer").glob("*.cpp"))
    run(CXX, "-std=c++20", *sources, *package_flags(prefix, "haid"), "-o", tmp_path / "consumer")
    assert run(tmp_path / "consumer") == EXPECTED


OVER_NODES = """#include <haid/haid.hpp>
#include <exception>
#include <iostream>
int main() {
    try {
        haid::Pool pool({.workers = 1, .nodes = "slurm"});
    } catch (const std::exception& error) {
        std::cout << error.what() << std::endl;
    }
}
"""


@pytest.mark.parametrize("package, says", [("haid", "haid::cluster"), ("haid-cluster", "Slurm job")])
def test_a_pool_over_nodes_is_what_a_program_links_for(package, says, prefix, tmp_path):
    (tmp_path / "program.cpp").write_text(OVER_NODES)
    run(CXX, "-std=c++20", tmp_path / "program.cpp", *package_flags(prefix, package), "-o", tmp_path / "program")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    result = subprocess.run([tmp_path / "program"], capture_output=True, text=True, timeout=60, env=environment)
    assert result.returncode == 0 and says in result.stdout, result


def test_a_component_that_there_is_not_is_not_found(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(none LANGUAGES CXX)\n"
        "find_package(haid REQUIRED COMPONENTS cluster)\nfind_package(haid COMPONENTS gpu)\n"
        'if(haid_FOUND OR NOT TARGET haid::cluster)\n  message(FATAL_ERROR "gpu is there")\nendif()\n'
    )
    run("cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")


# -- part of a shared library


def exported(library):
    """What programs that load it see of it: the names, demangled."""
    lines = run("nm", "--dynamic", "--defined-only", "--demangle", library).splitlines()
    return [line.split(" ", 2)[2] for line in lines]


def test_a_plugin(prefix, tmp_path):
    configure("plugin", tmp_path, prefix)
    run("cmake", "--build", tmp_path)
    assert ctypes.CDLL(tmp_path / "plugin.so").plugin_answer() == 42
    seen = exported(tmp_path / "plugin.so")
    assert "plugin_answer" in seen
    # What the standard library's headers have left in the plugin's own file is seen whoever compiles it.
    of_standard = r"((typeinfo|typeinfo name|vtable|guard variable) for |\w+ )?(std|__gnu_cxx)::"
    assert [name for name in seen if not re.match(of_standard, name)] == ["plugin_answer"]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """As part of another project, which makes a shared library of it, and installs that."""
    folder = tmp_path_factory.mktemp("embedded")
    configure("embedded", folder / "build", "", f"-DHAID_SOURCES={CHECKOUT}", "-DFETCHED=ON", "-DHAID_INSTALL=ON")
    run("cmake", "--build", folder / "build", timeout=1200)  # all of the library
    run("cmake", "--install", folder / "build", "--prefix", folder / "first")
    (folder / "first").rename(folder / "moved")
    return folder


def test_fetched_by_another_project(embedded):
    assert run(embedded / "build/consumer") == EXPECTED


def test_of_a_shared_library_the_public_headers_are_seen(prefix, embedded):
    (archive,) = prefix.rglob("libhaid.a")
    (library,) = (embedded / "moved").rglob("libhaid.so.*.*.*")
    seen = exported(library)
    # A room is a namespace whose name begins with a small letter; all else is for users.
    rooms = r"haid::(?!detail::)[a-z]\w*::"
    hidden = [name for name in seen if not re.match(r"(\w+ (name )?for )?haid::", name) or re.search(rooms, re.split("[(<]", name)[0])]
    assert hidden == []
    functions = re.findall(r"^\w+ T (haid::.*)$", run("nm", "--defined-only", "--demangle", archive), re.M)
    public = {name for name in functions if not re.match(rooms, name)}
    assert len(public) > 50 and public <= set(seen), public - set(seen)  # what is missing goes to cmake/exported.map
    assert len(seen) < 500, len(seen)
    assert not list((embedded / "moved").rglob("haid-cluster*"))


def test_a_shared_library_that_was_moved(embedded, tmp_path):
    (folder,) = {path.parent for path in (embedded / "moved").rglob("libhaid.so")}
    configure("consumer", tmp_path / "cmake", embedded / "moved")
    run("cmake", "--build", tmp_path / "cmake")
    assert run(tmp_path / "cmake/consumer") == EXPECTED
    sources = sorted((FOLDER / "consumer").glob("*.cpp"))
    run(CXX, "-std=c++20", "-fvisibility=hidden", *sources, *package_flags(embedded / "moved", "haid"), "-o", tmp_path / "consumer")
    assert run(tmp_path / "consumer", LD_LIBRARY_PATH=str(folder)) == EXPECTED


def test_added_to_another_project(tmp_path):
    # What may be made of it there; it is compiled elsewhere.
    configure("embedded", tmp_path, "", f"-DHAID_SOURCES={CHECKOUT}", "-DFETCHED=OFF", "-DBUILD_SHARED_LIBS=OFF")
    targets = run("cmake", "--build", tmp_path, "--target", "help")
    assert "haid_cpp" in targets and "unit_tests" not in targets and "haid_nodes" not in targets
    scripts = [path for path in tmp_path.rglob("cmake_install.cmake") if "file(INSTALL" in path.read_text()]
    assert scripts == [tmp_path / "cmake_install.cmake"]  # of the project itself


# -- under the eyes of compilers

GCC = "-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual"
# All of clang's but what says that the language is not an older one, that a class has gaps or no home for its table, that
# pointers can be added to, and that std::lock_guard has no guide for its arguments.
CLANG = (
    "-Weverything -Wno-c++98-compat -Wno-c++98-compat-pedantic -Wno-c++20-compat -Wno-pre-c++20-compat-pedantic -Wno-padded "
    "-Wno-weak-vtables -Wno-unsafe-buffer-usage -Wno-ctad-maybe-unsupported"
)
OF_THE_LANGUAGE = set(
    "alignas alignof auto bool case catch char co_await co_return co_yield concept const_cast constexpr decltype defined delete do "
    "double dynamic_cast else explicit for if int main new noexcept operator reinterpret_cast requires return sizeof static_assert "
    "static_cast switch template throw typeid using void while".split()
)


def names_of_others():
    """A namespace that has, for every name that the headers call, functions that take anything, and are not to be called."""
    names = set()
    for path in (CHECKOUT / "include").rglob("*.hpp"):
        code = re.sub(r'//.*|"[^"\n]*"', "", path.read_text())
        names.update(re.findall(r"(?<![\w.>~])(?:detail::)?([a-z]\w*)\s*(?:<[^;(){}]*>)?\(", code))
    names -= OF_THE_LANGUAGE
    assert {"size_of", "view_of", "run_call", "encode"} <= names
    functions = ["A&&...", "X&, A&&..."]
    lines = [f"template <class X, class... A> void {name}({takes}) = delete;" for name in sorted(names) for takes in functions]
    lines += [f"template <class... A> void {name}(A&&...) = delete;" for name in sorted(names)]
    lines += [f"template <auto any, class... A> void {name}(A&&...) = delete;" for name in sorted(names)]
    return "\n".join(["#pragma once", "namespace theirs {", *lines, "}  // namespace theirs", ""])


def test_a_program_with_names_of_its_own_and_all_warnings(prefix, tmp_path):
    (tmp_path / "names_of_others.hpp").write_text(names_of_others())
    flags = package_flags(prefix, "haid")
    source = FOLDER / "strict.cpp"
    run(CXX, "-std=c++20", *GCC.split(), "-Werror", f"-I{tmp_path}", source, *flags, "-o", tmp_path / "strict")
    assert run(tmp_path / "strict") == "206\n"
    clang = shutil.which("clang++-16")
    if clang is None:
        pytest.skip("there is no clang++-16")
    run(clang, "-std=c++20", "-fsyntax-only", *CLANG.split(), "-Werror", f"-I{tmp_path}", source, *package_flags(prefix, "haid")[:1])


@pytest.mark.parametrize("compiler", [CXX, "clang++-16"])
def test_each_public_header_compiles_alone(prefix, tmp_path, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    flags = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{prefix}/include"]
    headers = sorted(path.name for path in (prefix / "include/haid").glob("*.hpp"))
    assert "pool.hpp" in headers
    for header in headers:
        source = tmp_path / f"{header}.cpp"
        source.write_text(f"#include <haid/{header}>\n#include <haid/{header}>\n")  # it may be included twice
        run(compiler, *flags, source)


def test_the_version_is_ours(prefix):
    (found,) = prefix.rglob("haid.pc")
    version = run("pkg-config", "--modversion", "haid", PKG_CONFIG_PATH=str(found.parent))
    assert version == (CHECKOUT / "VERSION").read_text().splitlines()[0] + "\n"


def test_the_public_headers_are_there_and_nothing_else_is(prefix):
    header = lambda root: sorted(str(path.relative_to(root)) for path in root.rglob("*.hpp"))
    assert header(prefix) == [f"include/{name}" for name in header(CHECKOUT / "include")]


@pytest.mark.skipif(os.environ.get("HAID_BUILD_TYPE", "Release") != "Release", reason="debug information names the sources")
def test_nothing_names_the_folders_it_was_built_in(prefix):
    files = [path for path in prefix.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        for folder in (CHECKOUT, BUILD):
            assert os.fsencode(folder) not in content, f"{path.relative_to(prefix)} names {folder}"
