// Which of several images or texts of a row a view gets.
#pragma once

#include "data/input.h"

#include <numeric>

namespace gd {

inline const char* const choose_help =
    "random: each view takes another one in an order drawn per epoch (evaluation: in stored order), starting again when there "
    "are fewer; position: view 0 takes the first, view 1 the second, absent when there are fewer";

// The number of the candidate for `view`, or -1 for none. `purpose` keeps the orders of images and texts apart; the order
// does not depend on the view, so that the views of one sample differ as long as there are enough.
inline int64_t choose(int64_t candidates, bool random, const SampleKey& key, std::string_view purpose, int64_t view) {
  if (candidates <= 0) return -1;
  if (!random) return view < candidates ? view : -1;
  const int64_t place = view % candidates;
  if (!key.training || candidates == 1) return place;
  std::vector<int64_t> order(static_cast<size_t>(candidates));
  std::iota(order.begin(), order.end(), 0);
  Draw draw = key.draw(purpose);
  for (int64_t i = 0; i <= place; ++i)  // Fisher–Yates, as far as needed
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(i) + draw.below(static_cast<uint64_t>(candidates - i))]);
  return order[static_cast<size_t>(place)];
}

}  // namespace gd
