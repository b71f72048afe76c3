#include "test.h"

#include <chrono>
#include <cstdio>
#include <vector>

namespace native_test {
namespace {

struct Test {
  const char* name;
  Body body;
};

// A function's static, because tests in other files register before this file's own objects exist.
std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

int failures_of_this_test = 0;

}  // namespace

Registration::Registration(const char* name, Body body) { tests().push_back({name, body}); }

void fail(const char* file, int line, const std::string& what) {
  ++failures_of_this_test;
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

}  // namespace native_test

int main(int argc, char** argv) {
  using namespace native_test;
  const std::string filter = argc > 1 ? argv[1] : "";
  int passed = 0, failed = 0, skipped = 0;
  for (const Test& test : tests()) {
    if (std::string(test.name).find(filter) == std::string::npos) continue;
    failures_of_this_test = 0;
    std::string skip_reason;
    const auto start = std::chrono::steady_clock::now();
    try {
      test.body();
    } catch (const Skipped& skip) {
      skip_reason = skip.reason;
    } catch (const std::exception& error) {
      const std::string message = error.what();
      // libtorch appends its own call stack.
      fail(test.name, 0, "threw: " + message.substr(0, message.find("\nException raised from")));
    }
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (failures_of_this_test) {
      ++failed;
      std::printf("FAILED  %s\n", test.name);
    } else if (!skip_reason.empty()) {
      ++skipped;
      std::printf("skipped %s: %s\n", test.name, skip_reason.c_str());
    } else {
      ++passed;
      std::printf("ok      %s (%.0f ms)\n", test.name, ms);
    }
    std::fflush(stdout);
  }
  if (passed + failed + skipped == 0) {
    std::printf("expected tests with '%s' in their name but found none\n", filter.c_str());
    failed = 1;
  }
  std::printf("%d passed, %d failed", passed, failed);
  if (skipped) std::printf(", %d skipped", skipped);
  std::printf("\n");
  // A sanitizer that finds something at exit ends the process without flushing.
  std::fflush(stdout);
  return failed ? 1 : 0;
}
