// A function of several arguments: starmap takes each item, a tuple, apart.
//
//     $ starmap_tuples
//     Aaron: 3 * 4 = 12
//     Bethan: 5 * 6 = 30
//     Carys: 7 * 8 = 56
#include <haid/haid.hpp>
#include <iostream>
#include <string>
#include <tuple>
#include <vector>

std::string multiply(std::string who, int a, int b) {
    return who + ": " + std::to_string(a) + " * " + std::to_string(b) + " = " + std::to_string(a * b);
}

int main() {
    haid::Pool pool;

    // map would call multiply(tuple); starmap calls multiply(who, a, b).
    std::vector<std::tuple<std::string, int, int>> items = {{"Aaron", 3, 4}, {"Bethan", 5, 6}, {"Carys", 7, 8}};
    for (auto& line : pool.starmap(multiply, items)) std::cout << line << '\n';
}
