// What steps cost, counted once for each shape of batch.
#pragma once

#include "core/features.h"
#include "profile/counter.h"

#include <memory>

namespace gd {

// A batch costs by its shapes (the length of its texts, in the main), and a run sees few of them: counting the first step of each
// is as good as counting all, and free from then on.
class KnownWork {
 public:
  // One step on `fields`: counts while it lives where these shapes are new.
  class Step {
   public:
    Step(KnownWork& known, const Features& fields, int64_t replicas);
    // Of this rank; stays where it is as long as the KnownWork.
    const Work& end();

   private:
    Work& work_;
    std::unique_ptr<Counter> counter_;
  };

 private:
  std::map<std::string, Work> by_shapes_;
};

}  // namespace gd
