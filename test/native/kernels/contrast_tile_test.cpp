// The tile kernels of the contrasts on a CPU: the source that nvcc compiles, block by block through tile_cpu.h.
#include "kernels/tile_case.h"
#include "kernels/tile_problem.h"

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

using namespace gd;
using namespace gd::tile;
using namespace gd::tile_case;

namespace {

// How the blocks are cut, where a small test wants what only large problems have.
struct Cut {
  int tiles_a_strip = 0;  // statistics; 0: as on a card
  int strips = 1;         // gradient
  int stages = 3;
  int shared_a_block = 227 * 1024;
};

template <typename Type>
void pair_scores(const PartnerParameters& p) {
  for (int64_t first = 0; first < p.count; first += 64) {
    Block block(PartnerLayout().layout.bytes);
    partner_block<Type>(block, p, first);
  }
}

template <typename Type, bool Labels>
void statistics_blocks(StatisticsParameters p, int64_t stages) {
  p.stages = static_cast<int>(stages);
  for (int row_strip = 0; row_strip < p.row_strips; ++row_strip)
    for (int column_strip = 0; column_strip < p.column_strips; ++column_strip) {
      Block block(StatisticsLayout<Labels>(p.stages).layout.bytes);
      statistics_block<Type, Labels>(block, p, row_strip, column_strip);
    }
}

template <typename Type>
void statistics(const ContrastProblem& problem, const ContrastStatistics& out, void* workspace, const Cut& cut) {
  StatisticsParameters p = statistics_parameters(problem, workspace);
  if (cut.tiles_a_strip) {
    const auto strips = [&](int64_t n) {
      return static_cast<int>((n + statistics_tile * cut.tiles_a_strip - 1) / (statistics_tile * cut.tiles_a_strip));
    };
    p.row_tiles = p.column_tiles = cut.tiles_a_strip;
    p.row_strips = strips(problem.rows);
    p.column_strips = strips(problem.columns);
  }
  if (p.second())
    statistics_blocks<Type, true>(p, cut.stages);
  else
    statistics_blocks<Type, false>(p, cut.stages);
  for (const Combination& side : {row_combination(p, out), column_combination(p, out)})
    for (int64_t i = 0; i < side.count; ++i) combine_sample(side, i);
  pair_scores<Type>(list_parameters(problem, out.pair_score));
}

template <typename Type, int T, int N, typename Rule, bool Both>
void gradient_blocks(const GradientParameters& p) {
  for (int64_t tile = 0; tile * T < p.own.count; ++tile)
    for (int strip = 0; strip < p.strips; ++strip) {
      Block block(GradientLayout<Type, T>(p).layout.bytes);
      gradient_block<Type, T, N, Rule, Both>(block, p, tile, strip);
    }
}

template <typename Rule, typename Type>
void gradient(GradientParameters p, bool deterministic, const Cut& cut) {
  with_tile<Type, Rule::lists>(p, cut.shared_a_block, [&]<int T, int N>() {
    const auto tiles = [](int64_t count) { return static_cast<int>((count + T - 1) / T); };
    p.strips = deterministic ? 1 : cut.strips;
    p.other_tiles = (tiles(p.other.count) + p.strips - 1) / p.strips;
    if (deterministic) {
      gradient_blocks<Type, T, N, Rule, false>(p);
      gradient_blocks<Type, T, N, Rule, false>(turned(p, tiles(p.own.count)));
      return;
    }
    const auto zero = [](auto* at, int64_t count) {
      if (at) std::fill_n(at, count, 0);
    };
    zero(p.other_gradient, p.other.count * p.width);
    if (p.strips > 1) {
      zero(p.own_gradient, p.own.count * p.width);
      for (float* sum : {p.sums.scale, p.sums.slope, p.sums.value}) zero(sum, p.own.count);
      zero(p.sums.rank, p.own.count);
    }
    gradient_blocks<Type, T, N, Rule, true>(p);
  });
}

template <typename F>
void with_type(ElementType type, F f) {
  if (type == ElementType::f32)
    f.template operator()<float>();
  else if (type == ElementType::f16)
    f.template operator()<Fp16>();
  else
    f.template operator()<Bf16>();
}

Floor tiles_on_cpu(const Cut& cut = {}) {
  return {at::kCPU,
          statistics_workspace,
          [](const ContrastProblem& problem, void* row_own, void* column_own) {
            with_type(problem.type, [&]<typename Type>() {
              pair_scores<Type>(partner_parameters(problem, true, row_own));
              pair_scores<Type>(partner_parameters(problem, false, column_own));
            });
          },
          [=](const ContrastProblem& problem, const ContrastStatistics& out, void* workspace) {
            with_type(problem.type, [&]<typename Type>() { statistics<Type>(problem, out, workspace, cut); });
          },
          [=](const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out, bool deterministic) {
            with_type(problem.type, [&]<typename Type>() {
              if (takes_lists(problem))
                gradient<ListedSoftmaxRule, Type>(gradient_parameters(problem, in, out), deterministic, cut);
              else
                gradient<SoftmaxRule, Type>(gradient_parameters(problem, in, out), deterministic, cut);
            });
          },
          [=](const SigmoidContrastProblem& problem, const SigmoidContrastResult& out, bool deterministic) {
            with_type(problem.type, [&]<typename Type>() {
              gradient<SigmoidRule, Type>(gradient_parameters(problem, out), deterministic, cut);
            });
          }};
}

}  // namespace

TEST("tiles: half types round as libtorch's do") {
  for (uint32_t i = 0; i < 1u << 16; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    const float x = number(Bf16{bits}), y = number(Fp16{bits});
    EXPECT(std::isnan(x) || x == static_cast<float>(c10::BFloat16(bits, c10::BFloat16::from_bits())));
    EXPECT(std::isnan(y) || y == static_cast<float>(c10::Half(bits, c10::Half::from_bits())));
    const float between = float_of(i * 65537u + 12345u);
    if (std::isnan(between)) continue;
    EXPECT(rounded<Bf16>(between).bits == c10::BFloat16(between).x);
    EXPECT(rounded<Fp16>(between).bits == c10::Half(between).x);
  }
  for (uint32_t i = 0; i < 1u << 16; ++i) {  // the range of float16, with ties and subnormal numbers
    const float x = float_of(0x32000000u + i * 0x1800u);
    EXPECT(rounded<Fp16>(x).bits == c10::Half(x).x && rounded<Fp16>(-x).bits == c10::Half(-x).x);
  }
  EXPECT(rounded<Fp16>(0.0f).bits == 0 && rounded<Bf16>(0.0f).bits == 0);
}

TEST("tiles: the watch over shared memory finds missing barriers and copies") {
  Block block(1024);
  block.write<float>(0, 0, 1.0f);
  EXPECT(block.read<float>(0, 0) == 1.0f);
  EXPECT_THROWS(block.read<float>(1, 0), "one thread reads what another wrote");
  block.barrier();
  EXPECT(block.read<float>(1, 0) == 1.0f);
  EXPECT_THROWS(block.write<float>(2, 0, 2.0f), "one thread writes what another read");
  EXPECT_THROWS(block.read<float>(0, 512), "was never written");
  alignas(16) const float four[4] = {1, 2, 3, 4};
  block.copy16(3, 256, four, true);
  block.commit();
  block.barrier();
  EXPECT_THROWS(block.read<float>(3, 256), "was not awaited");
  block.await<0>();
  EXPECT(block.read<float>(3, 260) == 2.0f);
  EXPECT_THROWS(block.read<float>(4, 260), "one thread reads what another wrote");
}

TEST("tiles: products of all fragment layouts are those of the matrices") {
  at::manual_seed(3);
  const auto prove = [&]<typename Type, int T>(at::ScalarType type) {
    using S = typename GradientShares<T>::Scores;
    using G = GradientShares<T>;
    constexpr int size = sizeof(Type), width = 128, fragments = width / 8 / G::across, stride = T * size > 128 ? T * size : 128;
    const Tensor left = at::randn({T, width}).to(type), right = at::randn({T, width}).to(type),
                 square = at::randn({T, T}).to(type);
    Layout layout;
    const Tile l = layout.tile(T, width * size), r = layout.tile(T, width * size), s = layout.tile(T, stride);
    Block block(layout.bytes);
    load_rows(block, l, T, left.const_data_ptr(), width * size, 0, T, 0, width * size);
    load_rows(block, r, T, right.const_data_ptr(), width * size, 0, T, 0, width * size);
    load_rows(block, s, T, square.const_data_ptr(), T * size, 0, T, 0, T * size);
    block.commit();
    block.await<0>();
    block.barrier();
    const auto wide = [](const Tensor& x) { return x.to(at::kDouble); };
    const auto near = [&](const Tensor& x, const Tensor& y) { return (x - y).abs().max().item<double>() < 1e-4; };

    Sums<S::M, S::N> scores;
    multiply<Type, S>(block, scores, l, r, width * size / 32);
    Tensor got = at::full({T, T}, std::nan(""), at::kDouble);
    each<S>(block, scores, [&](int, int row, int column, float x) { got[row][column] = x; });
    EXPECT(near(got, wide(left).matmul(wide(right).t())));

    Sums<G::m, 16> gradient;
    multiply_wide<Type, T, G::m, 16, false>(block, gradient, s, r, fragments, 0, fragments);
    got = at::full({T, width}, std::nan(""), at::kDouble);
    const auto store = [&](int row, int column, float x, float y) { got[row][column] = x, got[row][column + 1] = y; };
    each_pair<T>(block, gradient, fragments, 0, fragments, store);
    EXPECT(near(got, wide(square).matmul(wide(right))));

    gradient.zero();
    multiply_wide<Type, T, G::m, 16, true>(block, gradient, s, l, fragments, 0, fragments);
    got.fill_(std::nan(""));
    each_pair<T>(block, gradient, fragments, 0, fragments, store);
    EXPECT(near(got, wide(square).t().matmul(wide(left))));
  };
  prove.operator()<Bf16, 64>(at::kBFloat16);
  prove.operator()<Fp16, 32>(at::kHalf);
  prove.operator()<Bf16, 16>(at::kBFloat16);
  prove.operator()<float, 64>(at::kFloat);
  prove.operator()<float, 32>(at::kFloat);
  prove.operator()<float, 16>(at::kFloat);
}

TEST("tiles: the soft-max contrast is the double-precision reference") { prove_contrast(tiles_on_cpu(), false); }

TEST("tiles: the sigmoid contrast is the double-precision reference") { prove_sigmoid(tiles_on_cpu(), false); }

TEST("tiles: any cut into strips and stages gives the same") {
  Case c = plain({400, 300, 192});
  add_masks(c);
  add_excluded(c);
  add_labels(c, 5);
  add_partners(c);
  add_listed(c);
  const Outcome expected = contrast_reference(c);
  for (const Cut& cut : {Cut{2, 2, 2}, Cut{3, 3, 3}, Cut{1, 7, 2}})
    compare(c, run_contrast(tiles_on_cpu(cut), c, false), expected);
  Case s = plain({130, 100, 64});
  add_partners(s);
  compare(s, run_sigmoid(tiles_on_cpu({0, 2}), s, false), sigmoid_reference(s));
  // A card with 99 KB a block takes smaller tiles.
  for (const at::ScalarType type : {at::kHalf, at::kFloat}) {
    const Case wide = plain({40, 50, 768, type});
    compare(wide, run_contrast(tiles_on_cpu({0, 1, 2, 99 * 1024}), wide, false), contrast_reference(wide));
  }
}

TEST("tiles: the loops for the CPU and the tiles for a card agree") {
  const Floor loops{at::kCPU,
                    contrast_workspace_cpu,
                    contrast_partner_scores_cpu,
                    contrast_statistics_cpu,
                    [](const ContrastProblem& problem, const ContrastCotangents& in, const ContrastGradients& out, bool) {
                      at::Tensor workspace = at::empty({contrast_workspace_cpu(problem)}, at::kByte);
                      contrast_gradient_cpu(problem, in, out, workspace.mutable_data_ptr());
                    },
                    [](const SigmoidContrastProblem& problem, const SigmoidContrastResult& out, bool) {
                      at::Tensor workspace = at::empty({sigmoid_contrast_workspace_cpu(problem)}, at::kByte);
                      sigmoid_contrast_cpu(problem, out, workspace.mutable_data_ptr());
                    }};
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf, at::kFloat}) {
    Case c = plain({140, 90, 128, type}, 5);
    add_masks(c);
    add_excluded(c);
    add_partners(c);
    compare(c, run_sigmoid(tiles_on_cpu(), c, false), run_sigmoid(loops, c, false));
    add_listed(c);
    add_hardness(c);
    compare(c, run_contrast(tiles_on_cpu(), c, false), run_contrast(loops, c, false));
    c.hardness = 0;
    add_labels(c, 14);
    compare(c, run_contrast(tiles_on_cpu(), c, false), run_contrast(loops, c, false));
  }
}
