"""timm's vision transformers. Run: python test/parity/make_vit.py (torch, timm, numpy; nothing is downloaded)."""
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from oracle import fill, pixels, record, save

SMALL = dict(img_size=32, patch_size=8, embed_dim=48, depth=3, num_heads=3)


def case(arguments, options, size, grown=False):
    """grown: the model is filled at its own image size, then adapted to `size` as timm does."""
    model = fill(VisionTransformer(**arguments)).eval()
    if grown:
        model.set_input_size(size)
        model.double()
    x = model.forward_features(pixels(2, 3, size))
    if model.global_pool == "avg":
        patches = model.fc_norm(x[:, model.num_prefix_tokens:])
    else:
        patches = x[:, 1:]
    made = record(model, {"global": model.forward_head(x), "patches": patches})
    if grown:  # the positions now have the shape of the new grid: nothing to compare with
        made.pop("keys")
        made["gradientNorms"].pop("pos_embed")
    return made | {"options": options, "pixels": [2, 3, size, size]}


torch.set_num_threads(2)
made_with = f"timm {timm.__version__}"
small = {"imageSize": 32, "patchSize": 8, "width": 48, "depth": 3, "heads": 3}
save("vit-timm", made_with, {
    "class token": case(SMALL | {"num_classes": 0}, small, 32),
    "mean": case(SMALL | {"num_classes": 5, "global_pool": "avg", "class_token": False},
                 small | {"pool": "mean", "classToken": False, "outputWidth": 5}, 32),
    "scaled": case(SMALL | {"num_classes": 0, "init_values": 0.1, "qkv_bias": False},
                   small | {"layerScale": 0.1, "qkvBias": False}, 32),
})
# timm resizes positions in float32 whatever the model's type
save("vit-timm-resized", made_with, {"larger image": case(SMALL | {"num_classes": 0}, small, 48, grown=True)})
save("vit-b16-timm", made_with, {"base": case({"num_classes": 0}, {}, 224)})
