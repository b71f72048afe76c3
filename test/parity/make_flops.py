"""Floating-point operations that PyTorch's FlopCounterMode counts, forward and backward, of encoders that everybody quotes.
Run: python test/parity/make_flops.py (torch, torchvision, timm, transformers; nothing is downloaded). Attention runs as plain
matrix products, which the mode counts without gaps."""
import timm
import torch
import torchvision
import transformers
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from oracle import save


def counted(model, inputs, output):
    model.train()
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forward:
            out = output(model(**inputs) if isinstance(inputs, dict) else model(inputs))
        with FlopCounterMode(display=False) as backward:
            out.sum().backward()
    return {"forward": forward.get_total_flops(), "backward": backward.get_total_flops()}


resnet = torchvision.models.resnet50(weights=None)
resnet.fc = torch.nn.Identity()
vit = timm.create_model("vit_base_patch16_224", pretrained=False, num_classes=0)
config = transformers.BertConfig(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
bert = transformers.BertModel(config, add_pooling_layer=False)
ids = torch.arange(2 * 128).reshape(2, 128) + 1000
images = torch.zeros(2, 3, 224, 224)
made_with = (f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {timm.__version__}, "
             f"transformers {transformers.__version__}")
save("flops", made_with, {
    "resnet": counted(resnet, images, lambda out: out),
    "vit": counted(vit, images, lambda out: out),
    "bert": counted(bert, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, lambda out: out.last_hidden_state[:, 0]),
})
