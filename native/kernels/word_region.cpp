#include "kernels/word_region.h"

#include "core/error.h"
#include "core/range.h"
#include "kernels/row_share.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#ifdef GADOLINIUM_CUDA
#include <c10/cuda/CUDAStream.h>
#endif
#include <torch/csrc/autograd/custom_function.h>

namespace gd {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of several samples one after another: sample i has rows [starts[i], starts[i+1]).
struct Rows {
  Tensor values;                // [rows, D], contiguous
  std::vector<int64_t> starts;  // [samples + 1]
  int64_t samples() const { return static_cast<int64_t>(starts.size()) - 1; }
  int64_t count(int64_t i) const { return starts[static_cast<size_t>(i) + 1] - starts[static_cast<size_t>(i)]; }
  Tensor of(const Tensor& like, int64_t i) const { return like.narrow(0, starts[static_cast<size_t>(i)], count(i)); }
  // Where the rows of samples from `first` on lie.
  Tensor place(const Tensor& like, int64_t first, int64_t samples) const {
    const int64_t from = starts[static_cast<size_t>(first)];
    return like.narrow(0, from, starts[static_cast<size_t>(first + samples)] - from);
  }
  Rows part(int64_t first, int64_t samples) const {
    Rows out{place(values, first, samples), {}};
    for (int64_t i = first; i <= first + samples; ++i)
      out.starts.push_back(starts[static_cast<size_t>(i)] - starts[static_cast<size_t>(first)]);
    return out;
  }
  int64_t longest() const {
    int64_t out = 0;
    for (int64_t i = 0; i < samples(); ++i) out = std::max(out, count(i));
    return out;
  }
};

struct Problem {
  Rows regions, words;
  WordRegionOptions options;
};

// Whole texts whose words make one matrix of a tile.
struct Chunk {
  int64_t first_text, texts, first_word, words;
};

// `longest` words by N numbers a tile: enough rows for the library's products to run at full speed, few enough that the four
// matrices of a tile stay near the core. A card wants large products instead.
std::vector<Chunk> chunks_of(const Rows& words, int64_t longest) {
  std::vector<Chunk> out;
  for (int64_t j = 0; j < words.samples(); ++j) {
    if (out.empty() || out.back().words + words.count(j) > longest)
      out.push_back({j, 0, words.starts[static_cast<size_t>(j)], 0});
    ++out.back().texts;
    out.back().words += words.count(j);
  }
  return out;
}

template <typename Real>
class Tiles {
 public:
  explicit Tiles(const Problem& problem)
      : problem_(problem),
        regions_(problem.regions),
        words_(problem.words),
        width_(problem.words.values.size(1)),
        cuda_(problem.words.values.is_cuda()),
        // |c|² = aᵀ (V Vᵀ) a from the regions' own products costs 2·N²·K a pair; through c it is 2·N·K·D for c, and in the
        // backward once more for c·V and for the gradient of V. In all, forward and backward: 8 N K D + 6 N² K against 16 N K D.
        // Where regions cancel each other in c the square would lose twice the digits; so regions are taken from their mean μ and
        // attention from its mean 1/N: c = μ + Σ (a − 1/N) U with U = V − μ.
        by_products_(3 * problem.regions.longest() < 4 * width_),
        chunks_(chunks_of(problem.words,
                          cuda_ ? std::max<int64_t>(1, (int64_t{1} << 24) / std::max<int64_t>(1, regions_.longest())) : 256)),
        threads_(cuda_ ? 1 : at::get_num_threads()),
        at_once_(std::max<int64_t>(1, 4 * threads_)),
        options_(words_.values.options()),
        word_length_(words_.values.norm(2, 1).clamp_min(word_region_least_length)) {
    for (const Chunk& chunk : chunks_) most_words_ = std::max(most_words_, chunk.words);
    const Tensor starts = at::tensor(words_.starts, at::kLong);
    starts_ = cuda_ ? starts.to(words_.values.device()) : starts;
    spaces_.resize(static_cast<size_t>(threads_));
    if (by_products_) images_.resize(static_cast<size_t>(std::min(at_once_, regions_.samples())));
  }

  Tensor scores() {
    Tensor out = at::zeros({regions_.samples(), words_.samples()}, options_);
    each_block([&](int64_t first, int64_t count) {
      fill_products(first, count, false);
      const int64_t chunks = static_cast<int64_t>(chunks_.size());
      each(count * chunks, [&](int64_t item, int64_t thread) {
        const int64_t image = first + item / chunks;
        const Chunk& chunk = chunks_[static_cast<size_t>(item % chunks)];
        if (regions_.count(image) == 0 || chunk.words == 0) return;
        Tile tile = make_tile(image, first, chunk, thread, false);
        recompute(tile);
        score(tile, numbers(out) + image * words_.samples() + chunk.first_text);
      });
    });
    return out;
  }

  // Gradients of (regions, words), packed, from dL/dZ.
  std::pair<Tensor, Tensor> gradients(const Tensor& pairs) {
    Tensor of_regions = at::zeros_like(regions_.values), of_words = at::zeros_like(words_.values);
    Tensor shrink = at::zeros_like(word_length_);
    for (auto& space : spaces_) {
      space.of_words = at::empty({most_words_, width_}, options_);
      space.shrink = at::empty({most_words_}, options_);
    }
    each_block([&](int64_t first, int64_t count) {
      fill_products(first, count, true);
      for (const Chunk& chunk : chunks_) {
        if (chunk.words == 0) continue;
        for (auto& space : spaces_) space.used = false;
        // Threads own images, so the gradient of regions has one writer; that of words is summed over the threads in order.
        each(count, [&](int64_t item, int64_t thread) {
          const int64_t image = first + item;
          if (regions_.count(image) == 0) return;
          Tile tile = make_tile(image, first, chunk, thread, true);
          recompute(tile);
          score(tile, nullptr);
          if (!by_products_) at::mm_out(tile.products, tile.context, tile.regions.t());
          auto& space = spaces_[static_cast<size_t>(thread)];
          if (!space.used) space.shrink.zero_();
          gradient(tile, numbers(pairs) + image * words_.samples() + chunk.first_text);
          add_product(space.of_words.narrow(0, 0, chunk.words), tile.scores, tile.regions, space.used);
          space.used = true;
          Tensor into = regions_.of(of_regions, image);
          into.addmm_(tile.scores.t(), tile.words);
          if (by_products_) {
            Image& held = images_[static_cast<size_t>(item)];
            held.of_products.addmm_(tile.shares.t(), tile.attention);
            held.pull.add_(tile.shares.sum(0));
          } else {
            into.addmm_(tile.shares.t(), tile.context);
          }
        });
        for (auto& space : spaces_) {
          if (!space.used) continue;
          of_words.narrow(0, chunk.first_word, chunk.words).add_(space.of_words.narrow(0, 0, chunk.words));
          shrink.narrow(0, chunk.first_word, chunk.words).add_(space.shrink.narrow(0, 0, chunk.words));
        }
      }
      if (!by_products_) return;
      each(count, [&](int64_t item, int64_t) {
        const Image& image = images_[static_cast<size_t>(item)];
        Tensor into = regions_.of(of_regions, first + item);
        into.addmm_(image.of_products, regions_.of(regions_.values, first + item) - image.mean);
        into.addr_(image.pull, image.mean);
      });
    });
    of_words.addcmul_(shrink.unsqueeze(1), words_.values);
    return {of_regions, of_words};
  }

 private:
  static Real* numbers(const Tensor& tensor) { return tensor.defined() ? static_cast<Real*>(tensor.data_ptr()) : nullptr; }

  struct Space {  // what a thread works in
    Tensor matrices[4], context, by_word, by_region, of_words, shrink;
    bool used = false;
  };
  struct Image {                   // what the products of an image at hand need
    Tensor mean, products, along;  // μ [D], U Uᵀ [N, N], [N + 1] μ·U_n and |μ|²
    Tensor of_products, pull;      // [N, N] Σ_k 2 dL/d|c_k|² a_k (a_k − 1/N)ᵀ, [N] Σ_k 2 dL/d|c_k|² a_k
  };
  struct Tile {
    WordRegionTile<Real> raw;
    Tensor regions, words, scores, shares, attention, products, context, own_products;
  };

  void each_block(const std::function<void(int64_t, int64_t)>& body) {
    for (int64_t first = 0; first < regions_.samples(); first += at_once_)
      body(first, std::min(at_once_, regions_.samples() - first));
  }

  void each(int64_t count, const std::function<void(int64_t, int64_t)>& body) {
    if (cuda_) {
      for (int64_t i = 0; i < count; ++i) body(i, 0);
      return;
    }
    // A tile below a few hundred thousand operations is done before another thread wakes up.
    const int64_t work = most_words_ * regions_.longest() * width_;
    at::parallel_for(0, count, 1 + (int64_t{1} << 18) / (work + 1), [&](int64_t begin, int64_t end) {
      const NoGradGuard no_grad;  // grad mode is each thread's own
      for (int64_t i = begin; i < end; ++i) body(i, at::get_thread_num());
    });
  }

  void fill_products(int64_t first, int64_t count, bool backward) {
    if (!by_products_) return;
    each(count, [&](int64_t item, int64_t) {
      const Tensor v = regions_.of(regions_.values, first + item);
      Image& image = images_[static_cast<size_t>(item)];
      image.mean = v.mean(0);
      const Tensor u = v - image.mean;
      image.products = at::mm(u, u.t());
      image.along = at::cat({at::mv(u, image.mean), at::dot(image.mean, image.mean).unsqueeze(0)});
      if (!backward) return;
      image.of_products = at::zeros_like(image.products);
      image.pull = at::zeros({v.size(0)}, options_);
    });
  }

  static void add_product(Tensor into, const Tensor& a, const Tensor& b, bool more) {
    if (more)
      into.addmm_(a, b);
    else
      at::mm_out(into, a, b);
  }

  Tile make_tile(int64_t image, int64_t first_image, const Chunk& chunk, int64_t thread, bool backward) {
    Space& space = spaces_[static_cast<size_t>(thread)];
    const int64_t n = regions_.count(image), most = regions_.longest();
    if (!space.by_word.defined()) {
      space.by_word = at::empty({3, most_words_}, options_);
      space.by_region = at::empty({2 * most}, options_);
      if (!by_products_) space.context = at::empty({most_words_, width_}, options_);
    }
    const auto matrix = [&](size_t which) {
      Tensor& held = space.matrices[which];
      if (!held.defined()) held = at::empty({most_words_ * most}, options_);
      return held.narrow(0, 0, chunk.words * n).view({chunk.words, n});
    };
    Tile tile;
    tile.regions = regions_.of(regions_.values, image);
    tile.words = words_.values.narrow(0, chunk.first_word, chunk.words);
    tile.scores = matrix(0);
    tile.attention = matrix(1);
    if (by_products_ || backward) tile.products = matrix(2);
    tile.shares = backward ? matrix(3) : tile.attention;
    if (!by_products_) tile.context = space.context.narrow(0, 0, chunk.words);
    auto& raw = tile.raw;
    raw.words = chunk.words;
    raw.regions = n;
    raw.texts = chunk.texts;
    raw.starts = starts_.const_data_ptr<int64_t>() + chunk.first_text;
    raw.first_word = chunk.first_word;
    raw.options = problem_.options;
    raw.scores = numbers(tile.scores);
    raw.shares = numbers(tile.shares);
    raw.attention = numbers(tile.attention);
    raw.products = numbers(tile.products);
    if (by_products_) {
      const Image& held = images_[static_cast<size_t>(image - first_image)];
      tile.own_products = held.products;
      raw.even = static_cast<Real>(1) / static_cast<Real>(n);
      raw.along = numbers(held.along);
    }
    raw.context = numbers(tile.context);
    raw.width = width_;
    raw.word_length = numbers(word_length_) + chunk.first_word;
    raw.agreement = numbers(space.by_word);
    raw.squared = raw.agreement + most_words_;
    raw.cosine = raw.squared + most_words_;
    raw.by_region = numbers(space.by_region);
    raw.word_shrink = backward ? numbers(space.shrink) : nullptr;
    return tile;
  }

  // Scores, attention, and what the cosines need.
  void recompute(Tile& tile) {
    at::mm_out(tile.scores, tile.words, tile.regions.t());
    attend(tile);
    if (by_products_)
      at::mm_out(tile.products, tile.attention, tile.own_products);
    else
      at::mm_out(tile.context, tile.attention, tile.regions);
  }

#ifdef GADOLINIUM_CUDA
#define GD_ON_FLOOR(step, ...)                                                               \
  cuda_ ? word_region_##step##_cuda(__VA_ARGS__, c10::cuda::getCurrentCUDAStream().stream()) \
        : word_region_##step##_cpu(__VA_ARGS__)
#else
#define GD_ON_FLOOR(step, ...) word_region_##step##_cpu(__VA_ARGS__)
#endif
  void attend(const Tile& tile) { GD_ON_FLOOR(attend, tile.raw); }
  void score(const Tile& tile, Real* pairs) { GD_ON_FLOOR(score, tile.raw, pairs); }
  void gradient(const Tile& tile, const Real* pairs) { GD_ON_FLOOR(gradient, tile.raw, pairs); }
#undef GD_ON_FLOOR

  const Problem& problem_;
  const Rows& regions_;
  const Rows& words_;
  const int64_t width_;
  const bool cuda_, by_products_;
  const std::vector<Chunk> chunks_;
  const int64_t threads_, at_once_;
  const at::TensorOptions options_;
  const Tensor word_length_;
  int64_t most_words_ = 0;
  Tensor starts_;
  std::vector<Space> spaces_;
  std::vector<Image> images_;
};

struct HeldProblem : torch::CustomClassHolder {
  std::vector<int64_t> region_starts, word_starts;
  WordRegionOptions options;
  Group* group = nullptr;
};

// Scores and the attended regions' sum: two products of all words with all regions, whichever way they are come by.
double products_work(const Problem& problem) {
  return 4 * static_cast<double>(problem.words.values.size(0)) * static_cast<double>(problem.regions.values.size(0)) *
         static_cast<double>(problem.words.values.size(1));
}

Tensor scores_of(const Problem& problem, bool divided) {
  const KernelRange range("word-region", {products_work(problem), 0, divided});
  return problem.regions.values.scalar_type() == at::kDouble ? Tiles<double>(problem).scores() : Tiles<float>(problem).scores();
}

std::pair<Tensor, Tensor> gradients_of(const Problem& problem, const Tensor& pairs, bool divided) {
  const double flops = products_work(problem);
  const KernelRange range("word-region gradient", {2 * flops, flops, divided});
  return problem.regions.values.scalar_type() == at::kDouble ? Tiles<double>(problem).gradients(pairs)
                                                             : Tiles<float>(problem).gradients(pairs);
}

struct WordRegion : torch::autograd::Function<WordRegion> {
  static Tensor forward(AutogradContext* ctx, const Tensor& regions, const Tensor& words,
                        const c10::intrusive_ptr<HeldProblem>& held) {
    ctx->save_for_backward({regions, words});
    ctx->saved_data["problem"] = c10::IValue::make_capsule(held);
    Problem problem = problem_of(regions, words, *held);
    if (!held->group) return scores_of(problem, /*divided=*/false);
    const RowShare share(*held->group, problem.regions.samples());
    problem.regions = problem.regions.part(share.from, share.count);
    return share.whole(scores_of(problem, /*divided=*/true));
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& gradients) {
    expect(!at::GradMode::is_enabled(), "bad-word-region",
           "expected a first-order gradient of word_region but got a backward pass with create_graph");
    const auto capsule = ctx->saved_data["problem"].toCapsule();
    const auto saved = ctx->get_saved_variables();
    const HeldProblem& held = static_cast<const HeldProblem&>(*capsule);
    Problem problem = problem_of(saved[0], saved[1], held);
    const Tensor pairs = gradients[0].contiguous();
    if (!held.group) {
      const auto [of_regions, of_words] = gradients_of(problem, pairs, /*divided=*/false);
      return {of_regions, of_words, Tensor()};
    }
    const Rows all = problem.regions;
    const RowShare share(*held.group, all.samples());
    problem.regions = all.part(share.from, share.count);
    const auto [of_mine, of_words] = gradients_of(problem, share.mine(pairs).contiguous(), /*divided=*/true);
    const Tensor of_regions = at::zeros_like(all.values);  // ranks' numbers of rows differ: a sum, where a gather wants one shape
    all.place(of_regions, share.from, share.count).copy_(of_mine);
    held.group->sum(of_regions);
    held.group->sum(of_words);
    return {of_regions, of_words, Tensor()};
  }
  static Problem problem_of(const Tensor& regions, const Tensor& words, const HeldProblem& held) {
    return {{regions.detach(), held.region_starts}, {words.detach(), held.word_starts}, held.options};
  }
};

// [B, L, D] → the real rows one after another.
Tensor pack(const Tensor& values, const Tensor& mask, std::vector<int64_t>& starts) {
  const int64_t batch = values.size(0), length = values.size(1);
  starts.assign(1, 0);
  if (!mask.defined()) {
    for (int64_t i = 1; i <= batch; ++i) starts.push_back(i * length);
    return values.contiguous().flatten(0, 1);
  }
  const Tensor counts = mask.sum(1).cpu();
  for (int64_t i = 0; i < batch; ++i) starts.push_back(starts.back() + counts.const_data_ptr<int64_t>()[i]);
  if (starts.back() == batch * length) return values.contiguous().flatten(0, 1);
  return values.flatten(0, 1).index_select(0, mask.flatten().nonzero().squeeze(1));
}

void check_mask(const Tensor& mask, const Tensor& values, const char* name, const char* of) {
  if (!mask.defined()) return;
  expect(mask.scalar_type() == at::kBool && mask.dim() == 2 && mask.size(0) == values.size(0) && mask.size(1) == values.size(1),
         "bad-word-region", "expected bool [", values.size(0), ", ", values.size(1), "] for the ", name, " beside ", of, " ",
         values.sizes(), " but got ", mask.scalar_type(), " ", mask.sizes());
}

}  // namespace

Tensor word_region(const Tensor& regions, const Tensor& words, const Tensor& word_mask, const Tensor& region_mask,
                   const WordRegionOptions& options, Group* group) {
  expect(regions.dim() == 3 && words.dim() == 3 && regions.size(2) == words.size(2) && regions.size(2) > 0, "bad-word-region",
         "expected [I, N, D] and [J, T, D] of one width for regions and words but got ", regions.sizes(), " and ", words.sizes());
  expect(regions.is_floating_point() && regions.scalar_type() == words.scalar_type(), "bad-word-region",
         "expected regions and words of one floating type but got ", regions.scalar_type(), " and ", words.scalar_type());
  expect(regions.device() == words.device(), "bad-word-region", "expected regions and words on one device but got ",
         regions.device(), " and ", words.device());
#ifdef GADOLINIUM_CUDA
  expect(regions.is_cpu() || regions.is_cuda(), "no-kernel",
         "expected regions on the CPU or a card for word_region but got them on ", regions.device());
#else
  expect(regions.is_cpu(), "no-kernel", "expected regions on the CPU for word_region in this build but got them on ",
         regions.device());
#endif
  check_mask(word_mask, words, "word mask", "words");
  check_mask(region_mask, regions, "region mask", "regions");
  expect(std::isfinite(options.region_scale) && std::isfinite(options.word_scale), "bad-word-region",
         "expected finite factors for regions and words but got ", options.region_scale, " and ", options.word_scale);
  const auto type = at::promote_types(regions.scalar_type(), at::kFloat);
  const auto held = c10::make_intrusive<HeldProblem>();
  held->options = options;
  held->group = group;
  const Tensor v = pack(regions.to(type), region_mask, held->region_starts);
  const Tensor e = pack(words.to(type), word_mask, held->word_starts);
  return WordRegion::apply(v, e, held);
}

}  // namespace gd
