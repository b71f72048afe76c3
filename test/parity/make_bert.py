"""Hugging Face's BERT. Run: python test/parity/make_bert.py (torch, transformers, numpy; nothing is downloaded)."""
import torch
import transformers
from transformers import BertConfig, BertModel

from oracle import fill, record, save, token_ids


def case(config, options, length, types=False, average=1, pool="cls"):
    model = fill(BertModel(BertConfig(**config), add_pooling_layer=options.get("global") == "pooler")).eval()
    ids = token_ids(3, length, config.get("vocab_size", 30522))
    mask = torch.ones_like(ids)
    for row, real in enumerate([length, length - 3, 2]):
        ids[row, real:] = 0
        mask[row, real:] = 0
    kinds = (torch.arange(length) >= length // 2).long().expand_as(ids) if types else None
    out = model(ids, attention_mask=mask, token_type_ids=kinds, output_hidden_states=True)
    tokens = torch.stack(out.hidden_states[-average:]).mean(0)
    pooled = {"cls": tokens[:, 0], "pooler": out.pooler_output,
              "mean": (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)}[pool]
    # Padding's own features are whatever the kernel makes of them: only real tokens are compared.
    made = record(model, {"global": pooled, "tokens": tokens * mask[..., None]})
    return made | {"options": options, "ids": ids.tolist(), "types": kinds.tolist() if types else None}


torch.set_num_threads(2)
made_with = f"transformers {transformers.__version__}"
SMALL = dict(vocab_size=99, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64,
             max_position_embeddings=20)
small = {"vocabularySize": 99, "width": 32, "depth": 3, "heads": 4, "feedForward": 64, "maxTokens": 20}
save("bert", made_with, {
    "first token": case(SMALL, small, 12),
    "pooler": case(SMALL, small | {"global": "pooler"}, 12, types=True, pool="pooler"),
    "mean of two layers": case(SMALL, small | {"global": "mean", "averageLast": 2}, 12, average=2, pool="mean"),
})
save("bert-base", made_with, {"base": case({}, {"global": "pooler"}, 24, pool="pooler")})
