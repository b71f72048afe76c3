// What every head shares: the feature that it reads and the one that it writes.
#pragma once

#include "core/options.h"
#include "core/parts.h"
#include "heads/layers/linear.h"

#include <iterator>

namespace gd {

class FromTo {
 public:
  // `own` after the two options of every head.
  static OptionList options(OptionList own) {
    OptionList all{required(feature_option("from", "", "feature that is read, <modality>.<grain>")),
                   output_option("to", "", "feature that is written; empty: takes the place of `from`")};
    std::move(own.begin(), own.end(), std::back_inserter(all));
    return all;
  }

  explicit FromTo(const Options& options)
      : from_(options.text("from")), to_(options.text("to").empty() ? from_ : options.text("to")) {}

  const Tensor& read(const Features& features) const { return features.at(from_); }
  // For heads that pool: [B, N, D], or Error("bad-shape").
  const Tensor& read_sequence(const Features& features) const;
  void write(Features& features, Tensor tensor) const { features.set(to_, std::move(tensor)); }

 private:
  std::string from_, to_;
};

// The option of heads that pool, and its feature: [B, N] bool, or an undefined tensor where all places count.
Option mask_option();
Tensor mask_of(const Features& features, const std::string& name);

// How the weights of linear heads start; their biases start as torch's.
Option init_deviation_option();
Linear started(const Scope& scope, int64_t in, int64_t out, bool bias, const Options& options);

}  // namespace gd
