// Every encoder against its official implementation; the fixtures say the versions.
#include "encoders/parity.h"
#include "test.h"

using namespace gd;

namespace {

using parity::float32, parity::float32_with_kinks, parity::float64;

void compare_all(const std::string& encoder, const std::string& fixture, std::initializer_list<parity::Precision> precisions,
                 Pass pass = {}) {
  const Value cases = parity::cases(fixture);
  for (const auto& [name, made] : cases.object())
    for (const auto& precision : precisions) parity::compare_encoder(encoder, made, precision, pass);
}

}  // namespace

TEST("resnet: 18 as torchvision, evaluation and training") { compare_all("resnet", "resnet-18", {float64, float32_with_kinks}); }
TEST("resnet: 50 as torchvision") { compare_all("resnet", "resnet-50", {float32_with_kinks}); }
TEST("resnet: 50 dilated and cut after the third stage, as torchvision") {
  compare_all("resnet", "resnet-50-variants", {float64, float32_with_kinks});
}
TEST("resnet: 101 as torchvision") { compare_all("resnet", "resnet-101", {float32_with_kinks}); }
TEST("modified-resnet: a small one as open_clip") {
  compare_all("modified-resnet", "modified-resnet", {float64, float32_with_kinks});
}
TEST("modified-resnet: RN50 as open_clip") { compare_all("modified-resnet", "modified-resnet-50", {float32_with_kinks}); }
TEST("vit: small ones as timm") { compare_all("vit", "vit-timm", {float64, float32}); }
TEST("vit: positions resized to a larger image as timm") { compare_all("vit", "vit-timm-resized", {float32}); }
TEST("vit: ViT-B/16 as timm") { compare_all("vit", "vit-b16-timm", {float32}); }
TEST("vit: as open_clip") { compare_all("vit", "vit-open-clip", {float32}); }
TEST("bert: small ones as Hugging Face") { compare_all("bert", "bert", {float64, float32}); }
TEST("bert: base as Hugging Face") { compare_all("bert", "bert-base", {float32}); }
TEST("clip-text: as open_clip") { compare_all("clip-text", "clip-text", {float32}); }

TEST("encoders: recomputed blocks still give the official gradients") {
  Pass pass;
  pass.recompute = true;
  compare_all("resnet", "resnet-18", {float64}, pass);
  compare_all("bert", "bert", {float64}, pass);
  compare_all("vit", "vit-timm", {float64}, pass);
}
