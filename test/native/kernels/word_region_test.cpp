#include "kernels/word_region.h"

#include "core/draw.h"
#include "kernels/word_region_reference.h"
#include "laws/gradients.h"
#include "test.h"

#include <c10/core/CPUAllocator.h>

#include <atomic>

using namespace gd;

namespace {

Tensor normal(at::IntArrayRef shape, uint64_t seed, double size = 1) {
  const Tensor out = at::empty(shape, at::kDouble);
  Draw draw(key(seed, 0));
  for (int64_t i = 0; i < out.numel(); ++i) out.mutable_data_ptr<double>()[i] = size * draw.normal();
  return out;
}

Tensor prefix_mask(const std::vector<int64_t>& lengths, int64_t longest) {
  const Tensor out = at::zeros({static_cast<int64_t>(lengths.size()), longest}, at::kBool);
  for (size_t j = 0; j < lengths.size(); ++j) out[static_cast<int64_t>(j)].narrow(0, 0, lengths[j]).fill_(true);
  return out;
}

std::vector<WordRegionOptions> all_options() {
  std::vector<WordRegionOptions> out;
  for (const bool share : {true, false})
    for (const auto aggregate : {WordAggregate::log_sum_exp, WordAggregate::log_mean_exp, WordAggregate::mean})
      out.push_back({.region_scale = share ? 4.0 : 0.7, .word_scale = 5, .share_words = share, .aggregate = aggregate});
  return out;
}

double largest_error(const Tensor& got, const Tensor& expected) {
  return (got.to(at::kDouble) - expected.to(at::kDouble)).abs().max().item<double>();
}

// Memory that libtorch's CPU allocator has handed out, and the most of it since the start of the count.
class CountedMemory : public c10::Allocator {
 public:
  CountedMemory() : held_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, 1); }
  ~CountedMemory() override { c10::SetCPUAllocator(held_, 1); }
  c10::DataPtr allocate(size_t bytes) override {
    const int64_t now = live_ += static_cast<int64_t>(bytes);
    for (int64_t most = most_; now > most && !most_.compare_exchange_weak(most, now);) {
    }
    largest_ = std::max<int64_t>(largest_, static_cast<int64_t>(bytes));
    auto* block = new Block{held_->allocate(bytes), static_cast<int64_t>(bytes)};
    return {block->data.get(), block, &release, c10::Device(c10::kCPU)};
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
  int64_t most() const { return most_; }
  int64_t largest() const { return largest_; }

 private:
  struct Block {
    c10::DataPtr data;
    int64_t bytes;
  };
  static void release(void* block) {
    live_ -= static_cast<Block*>(block)->bytes;
    delete static_cast<Block*>(block);
  }
  static inline std::atomic<int64_t> live_ = 0;
  std::atomic<int64_t> most_ = 0, largest_ = 0;
  c10::Allocator* held_;
};

}  // namespace

TEST("word_region: scores equal plain loops in double, for any sizes, masks and options") {
  struct Case {
    int64_t images, texts, regions, words, width;
  };
  // Both ways to the lengths of contexts: through the regions' products (3 N < 4 D) and through the contexts.
  for (const Case c : {Case{1, 1, 1, 1, 3}, Case{1, 1, 7, 1, 4}, Case{2, 2, 1, 5, 4}, Case{2, 5, 6, 4, 3}, Case{5, 2, 9, 7, 16},
                       Case{3, 4, 33, 19, 8}, Case{9, 3, 10, 130, 20}}) {
    const Tensor v = normal({c.images, c.regions, c.width}, 1), e = normal({c.texts, c.words, c.width}, 2);
    const Tensor holes = normal({c.texts, c.words}, 3) > -0.5, gaps = normal({c.images, c.regions}, 4) > -0.8;
    for (const auto& options : all_options())
      for (const bool masked : {false, true}) {
        const Tensor words = masked ? holes : Tensor(), regions = masked ? gaps : Tensor();
        EXPECT(largest_error(word_region(v, e, words, regions, options), word_region_by_loops(v, e, words, regions, options)) <
               1e-11);
      }
  }
}

TEST("word_region: equal, duplicated, huge and tiny inputs") {
  const WordRegionOptions options;
  const Tensor v = normal({3, 6, 12}, 1), e = normal({4, 5, 12}, 2);
  const Tensor same_v = v.slice(1, 0, 1).expand({3, 6, 12}), same_e = e.slice(1, 0, 1).expand({4, 5, 12});
  const Tensor twins = at::cat({v.slice(0, 0, 1), v.slice(0, 0, 1), v}), double_words = at::cat({e, e}, 1);
  for (const auto& [a, b] : std::vector<std::pair<Tensor, Tensor>>{{same_v, e},
                                                                   {v, same_e},
                                                                   {same_v, same_e},
                                                                   {twins, double_words},
                                                                   {v * 100, e},
                                                                   {v, e * 1e4},
                                                                   {v * 1e-30, e},
                                                                   {v, e * 1e-30},
                                                                   {at::zeros_like(v), e},
                                                                   {v, at::zeros_like(e)}}) {
    const Tensor expected = word_region_by_loops(a, b, Tensor(), Tensor(), options);
    EXPECT(largest_error(word_region(a, b, Tensor(), Tensor(), options), expected) < 1e-11);
    EXPECT(largest_error(word_region(a.to(at::kFloat), b.to(at::kFloat), Tensor(), Tensor(), options), expected) < 2e-3);
    const Tensor leaf_a = a.to(at::kFloat).contiguous().clone().set_requires_grad(true);
    const Tensor leaf_b = b.to(at::kFloat).contiguous().clone().set_requires_grad(true);
    word_region(leaf_a, leaf_b, Tensor(), Tensor(), options).sum().backward();
    EXPECT(at::isfinite(leaf_a.grad()).all().item<bool>() && at::isfinite(leaf_b.grad()).all().item<bool>());
  }
  const Tensor z = word_region(twins, double_words, Tensor(), Tensor(), options);
  EXPECT(largest_error(z[0], z[1]) == 0 && largest_error(z[0], z[2]) == 0);
}

TEST("word_region: gradients equal finite differences") {
  for (const auto& [regions, width] : {std::pair<int64_t, int64_t>{5, 9}, {7, 4}})
    for (const auto& options : all_options()) {
      Tensor v = normal({3, regions, width}, 1, 0.7).set_requires_grad(true),
             e = normal({4, 6, width}, 2, 0.7).set_requires_grad(true);
      const Tensor words = prefix_mask({6, 0, 1, 4}, 6), gaps = normal({3, regions}, 4) > -0.8, weight = normal({3, 4}, 5);
      check_gradients(
          "word_region", {v, e}, [&] { return (word_region(v, e, words, gaps, options) * weight).sum(); }, 20);
      // An image without regions and a text without words score 0 and move nothing.
      const Tensor gone = gaps.clone();
      gone[1].fill_(false);
      const Tensor z = word_region(v, e, words, gone, options);
      EXPECT(z[1].eq(0).all().item<bool>() && z.select(1, 1).eq(0).all().item<bool>());
      v.mutable_grad() = Tensor();
      (z * weight).sum().backward();
      EXPECT(v.grad()[1].eq(0).all().item<bool>() && at::isfinite(v.grad()).all().item<bool>());
      // What is no word or region gets nothing.
      EXPECT(e.grad().masked_select(words.logical_not().unsqueeze(2)).eq(0).all().item<bool>());
      EXPECT(v.grad().masked_select(gaps.logical_not().unsqueeze(2)).eq(0).all().item<bool>());
    }
}

// Sanitized builds add number by number what vectors add in lanes, which rounds more.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double times_the_composition = 3;
#else
constexpr double times_the_composition = 2;
#endif

TEST("word_region: float errs at most twice as much as the composition of operators does") {
  struct Case {
    int64_t images, texts, regions, words, width;
  };
  for (const Case c : {Case{4, 4, 49, 24, 96}, Case{3, 6, 100, 40, 64}, Case{4, 3, 361, 97, 768}})
    for (const bool centred : {false, true}) {
      std::vector<int64_t> lengths;
      for (int64_t j = 0; j < c.texts; ++j) lengths.push_back(1 + (j * 37 + c.words - 1) % c.words);
      Tensor v = normal({c.images, c.regions, c.width}, 1);
      if (centred) v = v - v.mean(1, true);  // contexts far shorter than the regions they are made of
      const Tensor e = normal({c.texts, c.words, c.width}, 2, 0.2), weight = normal({c.images, c.texts}, 5);
      const Tensor mask = prefix_mask(lengths, c.words);
      for (const bool share : {true, false}) {
        const WordRegionOptions options{.region_scale = share ? 4.0 : 0.2, .share_words = share};
        const auto run = [&](at::ScalarType type, bool kernel) {
          const Tensor a = v.to(type).clone().set_requires_grad(true), b = e.to(type).clone().set_requires_grad(true);
          const Tensor z = kernel ? word_region(a, b, mask, Tensor(), options) : word_region_by_operators(a, b, lengths, options);
          (z * weight.to(type)).sum().backward();
          return std::array<Tensor, 3>{z.detach(), a.grad(), b.grad()};
        };
        const auto exact = run(at::kDouble, false), plain = run(at::kFloat, false), fused = run(at::kFloat, true);
        for (size_t i = 0; i < 3; ++i) {
          const double allowed = times_the_composition * largest_error(plain[i], exact[i]) + 1e-12,
                       error = largest_error(fused[i], exact[i]);
          if (!(error <= allowed))
            native_test::fail(__FILE__, __LINE__,
                              c10::str(i == 0   ? "scores"
                                       : i == 1 ? "gradient of regions"
                                                : "gradient of words",
                                       ", width ", c.width, centred ? ", centred" : "", share ? ", shared" : "", ": error ",
                                       error, ", allowed ", allowed));
        }
      }
    }
}

TEST("word_region: the same for any number of threads; half types are converted") {
  const WordRegionOptions options;
  const Tensor v = normal({9, 20, 32}, 1).to(at::kFloat), e = normal({7, 90, 32}, 2).to(at::kFloat);
  const Tensor mask = prefix_mask({90, 3, 17, 0, 60, 88, 1}, 90);
  const auto run = [&] {
    const Tensor a = v.clone().set_requires_grad(true), b = e.clone().set_requires_grad(true);
    const Tensor z = word_region(a, b, mask, Tensor(), options);
    z.pow(2).sum().backward();
    return at::cat({z.detach().flatten(), a.grad().flatten(), b.grad().flatten()});
  };
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor one = run();
  EXPECT(at::equal(one, run()));
  at::set_num_threads(3);
  const Tensor three = run();
  EXPECT(at::equal(three, run()));
  at::set_num_threads(threads);
  EXPECT(at::allclose(one, three, 1e-4, 1e-4));
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    const Tensor a = v.to(type).set_requires_grad(true), z = word_region(a, e.to(type), mask, Tensor(), options);
    EXPECT(z.scalar_type() == at::kFloat);
    EXPECT(at::equal(z, word_region(v.to(type).to(at::kFloat), e.to(type).to(at::kFloat), mask, Tensor(), options)));
    z.sum().backward();
    EXPECT(a.grad().scalar_type() == type);
  }
}

TEST("word_region: not-a-number stays within its image's and its text's pairs") {
  const Tensor v = normal({4, 5, 6}, 1), e = normal({3, 4, 6}, 2);
  v[1][2][3] = std::nan("");
  e[2][0][0] = std::nan("");
  const Tensor bad = word_region(v.to(at::kFloat), e.to(at::kFloat), Tensor(), Tensor(), {}).isnan();
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 3; ++j) EXPECT(bad[i][j].item<bool>() == (i == 1 || j == 2));
}

// Every number that libtorch hands out uninitialised is NaN here: one that is read before it is written shows.
TEST("word_region: nothing unwritten is read") {
  struct Poisoned : c10::Allocator {
    Poisoned() : held(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, 1); }
    ~Poisoned() override { c10::SetCPUAllocator(held, 1); }
    c10::DataPtr allocate(size_t bytes) override {
      c10::DataPtr out = held->allocate(bytes);
      if (bytes) std::memset(out.get(), 0xFF, bytes);
      return out;
    }
    void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
    c10::Allocator* held;
  };
  for (const int64_t width : {8, 40})
    for (const auto& options : all_options()) {
      const Tensor a = normal({3, 21, width}, 1).set_requires_grad(true), b = normal({5, 9, width}, 2).set_requires_grad(true);
      const Tensor mask = prefix_mask({9, 0, 1, 4, 7}, 9), gaps = normal({3, 21}, 4) > -0.8;
      const auto run = [&] {
        a.mutable_grad() = Tensor();
        b.mutable_grad() = Tensor();
        const Tensor z = word_region(a, b, mask, gaps, options);
        z.pow(2).sum().backward();
        return at::cat({z.detach().flatten(), a.grad().flatten(), b.grad().flatten()});
      };
      const Tensor plain = run();
      const Poisoned poisoned;
      EXPECT(at::equal(plain, run()));
    }
}

TEST("word_region: memory does not grow with the number of pairs") {
  const int64_t regions = 64, words = 32, width = 96;
  const auto extra = [&](int64_t batch) {
    Tensor v = at::randn({batch, regions, width}).set_requires_grad(true),
           e = at::randn({batch, words, width}).set_requires_grad(true);
    const CountedMemory memory;
    const Tensor z = word_region(v, e, Tensor(), Tensor(), {});
    z.backward(at::ones_like(z));
    const int64_t pairs = 4 * batch * batch, gradients = 4 * batch * (regions + words) * width;
    EXPECT(memory.largest() <= 4 * batch * regions * width);  // the gradient of regions; images·texts·N·T would be far more
    return memory.most() - 4 * pairs - gradients;             // scores and their gradient and copies, the two gradients
  };
  const int64_t small = extra(16), large = extra(64);
  EXPECT(large - small < small / 4);
}

TEST("word_region: errors name what was expected") {
  const Tensor v = at::randn({2, 3, 4}), e = at::randn({2, 5, 4}), mask = at::ones({2, 5}, at::kBool);
  EXPECT_THROWS(word_region(v[0], e, mask, Tensor(), {}), "expected [I, N, D] and [J, T, D] of one width");
  EXPECT_THROWS(word_region(v, at::randn({2, 5, 3}), mask, Tensor(), {}), "of one width for regions and words but got");
  EXPECT_THROWS(word_region(v, e.to(at::kDouble), mask, Tensor(), {}), "of one floating type");
  EXPECT_THROWS(word_region(v, e, mask.to(at::kFloat), Tensor(), {}), "expected bool [2, 5] for the word mask");
  EXPECT_THROWS(word_region(v, e, mask, mask, {}), "expected bool [2, 3] for the region mask");
  EXPECT_THROWS(word_region(v, e, mask, Tensor(), {.region_scale = std::nan("")}), "expected finite factors");
  EXPECT(word_region(v.slice(0, 0, 0), e, mask, Tensor(), {}).sizes() == at::IntArrayRef({0, 2}));
  EXPECT(word_region(v, e, at::zeros_like(mask), Tensor(), {}).eq(0).all().item<bool>());
}
