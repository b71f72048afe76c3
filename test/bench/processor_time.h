// Processor time of all threads: unlike the clock it does not count what other programs take.
#pragma once

#include <sys/resource.h>

inline rusage usage() {
  rusage out;
  getrusage(RUSAGE_SELF, &out);
  return out;
}

// In milliseconds.
inline double processor(const rusage& u) {
  const auto of = [](const timeval& t) { return 1e3 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_usec); };
  return of(u.ru_utime) + of(u.ru_stime);
}
