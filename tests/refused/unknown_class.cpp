// expect: haid: this type cannot cross to another process: it holds a pointer, a reference or a view
// expect: Account
#include <haid/codec.hpp>
#include <string>

class Account {
  public:
    explicit Account(std::string owner) : owner_(owner) {}

  private:
    std::string owner_;
};

void send(haid::Encoder& to, const Account& account) {
    haid::encode(to, account);
}
