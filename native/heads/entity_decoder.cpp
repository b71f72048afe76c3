#include "core/error.h"
#include "core/registry.h"
#include "heads/from_to.h"
#include "heads/layers/book.h"
#include "heads/layers/decoder_layer.h"
#include "kernels/dropout.h"

#include <ATen/ATen.h>

#include <optional>

namespace gd {
namespace {

// One query an entity: the constant vector of its description, mapped to the decoder's width. Queries look at each other and at
// the image; what comes out of a query says whether its entity is there and where. Parameters below the head's name carry those
// of MedKLIP (MediaBrain-SJTU/MedKLIP, models/model_MedKLIP.py): disease_embedding_layer.*, decoder.layers.N.*, decoder.norm.*;
// the descriptions' vectors are the buffer book.vectors.
class EntityDecoder : public Head {
 public:
  static constexpr const char* help =
      "A transformer decoder (DETR's, pre-norm) with one query an entity of a book of texts looks at image regions: [B, N, D] → "
      "[B, entities, D] (MedKLIP, Wu et al. 2023). `book` of the recipe says where the texts' vectors come from.";
  static OptionList options() {
    return FromTo::options({
        output_option(
            "attention", "",
            "feature written beside `to`: what each query looks at, [B, entities, N], mean over layers and heads; empty: none"),
        required(integer_option("entities", 0, "texts of the book, one query each")),
        integer_option("bookWidth", 768, "width of the texts' vectors"),
        integer_option("width", 256, "of `from`, `to` and the decoder"),
        integer_option("depth", 4, "decoder layers"),
        integer_option("heads", 4, "attention heads; must divide width"),
        integer_option("feedForward", 1024, "width inside a layer's feed-forward part"),
        number_option("dropout", 0.1, "probability: attention, feed-forward, branches, and once on the result"),
        number_option("initDeviation", 0.02, "deviation that all weights start with"),
    });
  }
  static Example example() {
    return gd::example({{"from", "image.patches"},
                        {"to", "image.entities"},
                        {"entities", 3},
                        {"bookWidth", 5},
                        {"width", 4},
                        {"depth", 2},
                        {"heads", 2},
                        {"feedForward", 6},
                        {"initDeviation", 0.3}},
                       {{"image.patches", {4, 4}}});
  }

  EntityDecoder(const Scope& scope, const Options& options)
      : names_(options),
        attention_(options.text("attention")),
        dropout_(options.number("dropout")),
        book_(book(scope / "book", options.integer("entities"), options.integer("bookWidth"))),
        queries_(scope / "disease_embedding_layer", options.integer("bookWidth"), options.integer("width"),
                 Init::gaussian(options.number("initDeviation")), Init::fan_in(options.integer("bookWidth"))) {
    const Scope decoder = scope / "decoder";
    const DecoderOptions layer{.width = options.integer("width"),
                               .heads = options.integer("heads"),
                               .hidden = options.integer("feedForward"),
                               .dropout = dropout_,
                               .deviation = options.number("initDeviation")};
    const int64_t depth = options.integer("depth");
    expect(depth >= 1, "bad-option", "expected at least 1 for entity-decoder.depth but got ", depth);
    for (int64_t i = 0; i < depth; ++i) layers_.emplace_back(decoder / ("layers." + std::to_string(i)), layer);
    norm_.emplace(decoder / "norm", layer.width, 1e-5);
  }

  void operator()(Features& features, Pass& pass) override {
    const Tensor memory = names_.read_sequence(features);
    Tensor x = queries_(book_).unsqueeze(0).expand({memory.size(0), -1, -1});
    Tensor looks;
    for (const DecoderLayer& layer : layers_) {
      Tensor look;
      x = layer(x, memory, pass, attention_.empty() ? nullptr : &look);
      if (look.defined()) looks = looks.defined() ? looks + look : look;
    }
    if (looks.defined()) features.set(attention_, looks / static_cast<double>(layers_.size()));
    names_.write(features, dropout((*norm_)(x), dropout_, pass));
  }

 private:
  FromTo names_;
  std::string attention_;
  double dropout_;
  Tensor book_;
  Linear queries_;
  std::vector<DecoderLayer> layers_;
  std::optional<LayerNorm> norm_;
};

}  // namespace

GD_REGISTER(Head, "entity-decoder", EntityDecoder)

}  // namespace gd
