"""torchvision's ResNets. Run: python test/parity/make_resnet.py (torch, torchvision, numpy; nothing is downloaded)."""
import torch
import torchvision

from oracle import fill, pixels, record, save


def outputs(model, x, stages=4):
    m = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    for stage in range(1, stages + 1):
        m = getattr(model, f"layer{stage}")(m)
    return {"global": m.mean((2, 3)), "patches": m.flatten(2).transpose(1, 2)}


def case(depth, size, stages=4, dilate=False, training=False):
    model = fill(getattr(torchvision.models, f"resnet{depth}")(replace_stride_with_dilation=[False, False, dilate]))
    model.train(training)
    made = record(model, outputs(model, pixels(2, 3, size), stages),
                  skip=["fc."] + [f"layer{s}." for s in range(stages + 1, 5)])
    made |= {"options": {"depth": depth, "stages": stages, "dilateLast": dilate}, "pixels": [2, 3, size, size],
             "training": training}
    if training:
        made["buffers"] = {n: float(b.double().norm()) for n, b in model.named_buffers() if n.startswith(("bn1", "layer4.1"))}
    return made


torch.set_num_threads(2)
made_with = f"torchvision {torchvision.__version__}"
save("resnet-18", made_with, {"evaluation": case(18, 96), "training": case(18, 64, training=True)})
save("resnet-50", made_with, {"evaluation": case(50, 224)})
save("resnet-50-variants", made_with, {"dilated": case(50, 64, dilate=True), "three stages": case(50, 64, stages=3)})
save("resnet-101", made_with, {"evaluation": case(101, 64)})
