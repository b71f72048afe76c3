"""open_clip's towers. Run: python test/parity/make_open_clip.py (torch, open_clip_torch, numpy; nothing is downloaded)."""
import open_clip
import torch
from open_clip.model import CLIPTextCfg, CLIPVisionCfg, _build_text_tower, _build_vision_tower
from open_clip.transformer import AttentionalPooler

from oracle import fill, pixels, record, save, signed, token_ids


def image_case(embed, config, options, size, quick=False):
    model = fill(_build_vision_tower(embed, CLIPVisionCfg(**config), quick_gelu=quick)).eval()
    x = pixels(2, 3, size)
    if hasattr(model, "attnpool"):
        m = model.stem(x)
        for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
            m = stage(m)
        outputs = {"global": model.attnpool(m), "patches": m.flatten(2).transpose(1, 2)}
    else:
        model.output_tokens = True
        pooled, patches = model(x)
        outputs = {"global": pooled, "patches": patches}
    return record(model, outputs) | {"options": options, "pixels": [2, 3, size, size]}


def text_case(embed, config, options, length):
    model = fill(_build_text_tower(embed, CLIPTextCfg(**config))).eval()
    model.output_tokens = True
    vocabulary = config.get("vocab_size", 49408)
    ids = token_ids(3, length, vocabulary - 1)
    for row, real in enumerate([length, length - 3, 2]):
        ids[row, real - 1] = vocabulary - 1
        ids[row, real:] = 0
    pooled, tokens = model(ids)
    return record(model, {"global": pooled, "tokens": tokens}) | {"options": options, "ids": ids.tolist()}


def pooler_case(width, context, heads, queries):
    model = fill(AttentionalPooler(width, context, n_head=heads, n_queries=queries)).eval()
    out = model(signed("sequence", (2, 7, context)).double())
    return record(model, {"pooled": out[:, 0] if queries == 1 else out}) | {
        "options": {"inputWidth": context, "outputWidth": width, "heads": heads, "queries": queries},
        "sequence": [2, 7, context]}


torch.set_num_threads(2)
made_with = f"open_clip_torch {open_clip.__version__}"
save("vit-open-clip", made_with, {
    "small": image_case(24, dict(image_size=32, patch_size=8, width=64, layers=3, head_width=16),
                        {"keys": "open-clip", "imageSize": 32, "patchSize": 8, "width": 64, "depth": 3, "heads": 4,
                         "outputWidth": 24}, 32),
    "OpenAI's activation": image_case(24, dict(image_size=32, patch_size=8, width=64, layers=2, head_width=16,
                                               pool_type="avg", ls_init_value=0.1),
                                      {"keys": "open-clip", "imageSize": 32, "patchSize": 8, "width": 64, "depth": 2,
                                       "heads": 4, "outputWidth": 24, "pool": "mean", "layerScale": 0.1,
                                       "activation": "quick-gelu"}, 32, quick=True),
    "ViT-B-32": image_case(512, dict(image_size=224, patch_size=32, width=768, layers=12),
                           {"keys": "open-clip", "patchSize": 32, "outputWidth": 512}, 224),
})
save("modified-resnet", made_with, {
    "small": image_case(16, dict(image_size=64, layers=[1, 2, 1, 1], width=16, head_width=16),
                        {"imageSize": 64, "layers": [1, 2, 1, 1], "width": 16, "heads": 32, "outputWidth": 16}, 64),
})
save("modified-resnet-50", made_with, {
    "RN50": image_case(1024, dict(image_size=224, layers=[3, 4, 6, 3], width=64), {}, 224),
})
save("clip-text", made_with, {
    "small": text_case(24, dict(context_length=16, vocab_size=99, width=32, heads=4, layers=3),
                       {"maxTokens": 16, "vocabularySize": 99, "width": 32, "heads": 4, "depth": 3, "outputWidth": 24}, 16),
    "end token by id": text_case(24, dict(context_length=16, vocab_size=99, width=32, heads=4, layers=2, pool_type="eos",
                                          eos_id=98),
                                 {"maxTokens": 16, "vocabularySize": 99, "width": 32, "heads": 4, "depth": 2,
                                  "outputWidth": 24, "pool": "eos", "endId": 98}, 16),
    "ViT-B-32": text_case(512, dict(context_length=77, vocab_size=49408, width=512, heads=8, layers=12), {}, 77),
})
save("attention-pool", made_with, {
    "one width": pooler_case(16, 16, 4, 3),
    "two widths": pooler_case(16, 24, 4, 1),
})
