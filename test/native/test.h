// The C++ tests' few words: a test registers itself, checks report file and line and let the test go on.
//
//   TEST("adamw: the first step has the size of the learning rate") {
//     EXPECT(steps == 1);
//     EXPECT_CLOSE(moved, 1e-3, 1e-9);
//     EXPECT_THROWS(adamw({.lr = -1}), "expected a positive lr");   // a part of the message
//   }
//
// Run: build/release/native_tests [part of a name]. The last line is `N passed, N failed` (`, N skipped`).
#pragma once

#include <cmath>
#include <exception>
#include <sstream>
#include <string>

namespace native_test {

using Body = void (*)();

struct Registration {
  Registration(const char* name, Body body);
};

void fail(const char* file, int line, const std::string& what);

/// Thrown by SKIP; counted and named aloud, never silent.
struct Skipped {
  std::string reason;
};

/// Relative where the values are large, absolute where they are small; NaN equals nothing.
inline void check_close(double a, double b, double tolerance, const char* text, const char* file, int line) {
  if (std::abs(a - b) <= tolerance * std::fmax(1.0, std::fmax(std::abs(a), std::abs(b)))) return;
  std::ostringstream what;
  what.precision(12);
  what << text << ": expected values within " << tolerance << " but got " << a << " and " << b;
  fail(file, line, what.str());
}

template <typename Call>
void check_throws(Call call, const std::string& part, const char* text, const char* file, int line) {
  try {
    call();
  } catch (const std::exception& error) {
    const std::string message = error.what();
    if (message.find(part) == std::string::npos)
      fail(file, line, std::string(text) + ": expected a message with '" + part + "' but got '" + message + "'");
    return;
  }
  fail(file, line, std::string(text) + ": expected an exception but got none");
}

}  // namespace native_test

#define NATIVE_TEST_JOIN2(a, b) a##b
#define NATIVE_TEST_JOIN(a, b) NATIVE_TEST_JOIN2(a, b)
#define NATIVE_TEST(name, id)                                                               \
  static void NATIVE_TEST_JOIN(native_test_body_, id)();                                    \
  static const ::native_test::Registration NATIVE_TEST_JOIN(native_test_registration_, id)( \
      name, &NATIVE_TEST_JOIN(native_test_body_, id));                                      \
  static void NATIVE_TEST_JOIN(native_test_body_, id)()

#define TEST(name) NATIVE_TEST(name, __COUNTER__)
#define EXPECT(...)                                                                        \
  do {                                                                                     \
    if (!(__VA_ARGS__)) ::native_test::fail(__FILE__, __LINE__, #__VA_ARGS__ " is false"); \
  } while (0)
#define EXPECT_CLOSE(a, b, tolerance) ::native_test::check_close((a), (b), (tolerance), #a " and " #b, __FILE__, __LINE__)
#define EXPECT_THROWS(expression, part) \
  ::native_test::check_throws([&] { (void)(expression); }, (part), #expression, __FILE__, __LINE__)
#define SKIP(reason) \
  throw ::native_test::Skipped { reason }
