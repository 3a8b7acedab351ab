// expect: haid: the items, or arguments, cannot cross to another process
// expect: Image
#include <haid/pool.hpp>
#include <vector>

struct Image {
    int width;
};
int width_of(const Image* image);

void send(haid::Pool& pool, const std::vector<Image*>& images) {
    for (int width : pool.map(width_of, images)) static_cast<void>(width);
}
