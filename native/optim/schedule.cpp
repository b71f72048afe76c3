#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gd {
namespace {

Option warmup_option() { return integer_option("warmup", 0, "steps of linear warm-up from 0 to the full rate"); }
Option floor_option() { return number_option("floor", 0, "factor that the decay ends at"); }

// Warm-up as open_clip does it: the step numbered 0 already moves, by 1/warmup of the rate.
class Warm : public Schedule {
 public:
  explicit Warm(const Options& options) : warmup_(options.integer("warmup")) {}
  double factor(int64_t step, int64_t total) const override {
    if (step < warmup_) return static_cast<double>(step + 1) / static_cast<double>(warmup_);
    const double length = static_cast<double>(std::max<int64_t>(total - warmup_, 1));
    return after(std::min(static_cast<double>(step - warmup_) / length, 1.0), step);
  }

 protected:
  // `progress` runs from 0 after the warm-up to 1 at the end.
  virtual double after(double progress, int64_t step) const = 0;

 private:
  const int64_t warmup_;
};

class Constant : public Warm {
 public:
  static constexpr const char* help = "The full rate after an optional warm-up";
  static OptionList options() { return {warmup_option()}; }
  Constant(Scope, const Options& options) : Warm(options) {}

 protected:
  double after(double, int64_t) const override { return 1; }
};

class Cosine : public Warm {
 public:
  static constexpr const char* help = "Linear warm-up, then half a cosine down to the floor (CLIP, open_clip)";
  static OptionList options() { return {warmup_option(), floor_option()}; }
  Cosine(Scope, const Options& options) : Warm(options), floor_(options.number("floor")) {}

 protected:
  double after(double p, int64_t) const override { return floor_ + (1 - floor_) * 0.5 * (1 + std::cos(std::numbers::pi * p)); }

 private:
  const double floor_;
};

// The warm-up climbs in stairs within the first epoch, and from the second on the rate stands still within
// an epoch (timm's cosine, stepped once an epoch, as MedKLIP's train_MedKLIP.py calls it).
class EpochCosine : public Schedule {
 public:
  static constexpr const char* help =
      "Half a cosine down to the floor that moves once an epoch; the first epoch climbs from the floor in stairs (MedKLIP)";
  static OptionList options() {
    return {required(integer_option("epochs", 0, "epochs of the run: how often the rate moves")), floor_option(),
            integer_option("stairs", 5, "stairs of the climb"), integer_option("stairSteps", 100, "steps on each stair")};
  }
  EpochCosine(Scope, const Options& options)
      : epochs_(options.integer("epochs")),
        floor_(options.number("floor")),
        stairs_(options.integer("stairs")),
        stair_steps_(options.integer("stairSteps")) {
    expect(epochs_ >= 1 && stairs_ >= 0 && stair_steps_ >= 1, "bad-option",
           "expected at least 1 epoch, 0 stairs and 1 step a stair for epoch-cosine but got ", epochs_, ", ", stairs_, " and ",
           stair_steps_);
  }
  double factor(int64_t step, int64_t total) const override {
    const int64_t epoch = std::min(step * epochs_ / std::max<int64_t>(total, 1), epochs_ - 1);
    if (epoch == 0) {
      const int64_t stair = std::min(step / stair_steps_, stairs_);
      return stairs_ == 0 ? 1 : floor_ + (1 - floor_) * static_cast<double>(stair) / static_cast<double>(stairs_);
    }
    const double p = static_cast<double>(epoch) / static_cast<double>(epochs_);
    return floor_ + (1 - floor_) * 0.5 * (1 + std::cos(std::numbers::pi * p));
  }

 private:
  const int64_t epochs_;
  const double floor_;
  const int64_t stairs_, stair_steps_;
};

class Polynomial : public Warm {
 public:
  static constexpr const char* help = "Linear warm-up, then (1 - progress)^power down to the floor; power 1 is linear decay";
  static OptionList options() { return {warmup_option(), floor_option(), number_option("power", 1, "exponent of the decay")}; }
  Polynomial(Scope, const Options& options) : Warm(options), floor_(options.number("floor")), power_(options.number("power")) {}

 protected:
  double after(double p, int64_t) const override { return floor_ + (1 - floor_) * std::pow(1 - p, power_); }

 private:
  const double floor_, power_;
};

class Steps : public Warm {
 public:
  static constexpr const char* help = "Multiplies the rate by `gamma` at each of the given steps";
  static OptionList options() {
    return {warmup_option(), numbers_option("at", {}, "optimiser steps at which the rate falls"),
            number_option("gamma", 0.1, "factor at each")};
  }
  Steps(Scope, const Options& options) : Warm(options), at_(options.integers("at")), gamma_(options.number("gamma")) {}

 protected:
  double after(double, int64_t step) const override {
    return std::pow(gamma_, static_cast<double>(std::count_if(at_.begin(), at_.end(), [&](int64_t s) { return step >= s; })));
  }

 private:
  const std::vector<int64_t> at_;
  const double gamma_;
};

class Plateau : public Warm {
 public:
  static constexpr const char* help =
      "Multiplies the rate by `gamma` when the watched metric (optimise.watch) has not improved for `patience` evaluations";
  static OptionList options() {
    return {warmup_option(),
            integer_option("patience", 10, "evaluations without improvement before the rate falls"),
            number_option("gamma", 0.1, "factor at each fall"),
            floor_option(),
            number_option("threshold", 1e-4, "relative change that counts as improvement"),
            choice_option("mode", {"min", "max"}, "whether a smaller or a larger metric is better")};
  }
  Plateau(Scope, const Options& options)
      : Warm(options),
        patience_(options.integer("patience")),
        gamma_(options.number("gamma")),
        floor_(options.number("floor")),
        threshold_(options.number("threshold")),
        larger_(options.text("mode") == "max") {}

  void observe(double metric) override {
    const double margin = std::abs(state.best) * threshold_;
    const bool better = !state.observed || (larger_ ? metric > state.best + margin : metric < state.best - margin);
    state.observed = true;
    if (better) {
      state.best = metric;
      state.bad = 0;
    } else if (++state.bad > patience_) {
      state.factor = std::max(state.factor * gamma_, floor_);
      state.bad = 0;
    }
  }

 protected:
  double after(double, int64_t) const override { return state.factor; }

 private:
  const int64_t patience_;
  const double gamma_, floor_, threshold_;
  const bool larger_;
};

}  // namespace

GD_REGISTER(Schedule, "constant", Constant)
GD_REGISTER(Schedule, "cosine", Cosine)
GD_REGISTER(Schedule, "epoch-cosine", EpochCosine)
GD_REGISTER(Schedule, "polynomial", Polynomial)
GD_REGISTER(Schedule, "steps", Steps)
GD_REGISTER(Schedule, "plateau", Plateau)

}  // namespace gd
