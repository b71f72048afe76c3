"""What official report code says of made-up reports and anatomy words → test/fixtures/reports.

Usage: python make_reports.py SECTION_PARSER ADJ_MATRIX
  SECTION_PARSER  txt/section_parser.py of MIT-LCP/mimic-cxr
  ADJ_MATRIX      PreTrain_MedKLIP/data_file/preprocessing/adj_matrix.py of MediaBrain-SJTU/MedKLIP
The second file is read for its anatomy rules alone (its imports need pandas, numpy, torch and tqdm).
"""
import importlib.util
import itertools
import json
import pathlib
import random
import sys

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "reports"


def module(path):
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


HEADINGS = [
    "IMPRESSION", "FINDINGS", "COMPARISON", "COMPARISONS", "INDICATION", "HISTORY", "CLINICAL HISTORY", "TECHNIQUE",
    "EXAMINATION", "EXAM", "REASON FOR EXAM", "CONCLUSION", "CHEST, TWO VIEWS", "CHEST, PA LATERAL", "PORTABLE CHEST",
    "RECOMMENDATION(S)", "NOTIFICATION", "WET READ", "WETREAD", "FINDINGS/IMPRESSION", "IMPRESSON", "FINDINS", "PFI",
    "NDICATION", "PRIOR FINDINGS", "SECOND IMPRESSION", "SOCIAL HISTORY", "FRONTAL SEMI-UPRIGHT", "LEFT RIBS", "DOSE",
    "PA AND LAT", "REFERENCE EXAM", "AP VIEW", "COMMENT", "DATE", "ADDENDUM TO REPORT",
]
LINES = [
    "The lungs are clear.", "No pneumothorax.", "Compared to ___.", "Heart size is normal.", "___ year old woman with cough.",
    "1.  Small left effusion.", "2.  Dr. ___ was told at 3:15 p.m.", "NOTE: none", "a lower line:", "PA view: fine",
]


def report(rng):
    text = rng.choice([" " * 33 + "FINAL REPORT\n", "                              FINAL REPORT\n \n", " WET READ\n", "x\n ", "\n"])
    for _ in range(rng.randrange(0, 6)):
        text += rng.choice([" ", " ", " ", "", "  "]) + rng.choice(HEADINGS) + rng.choice([":", ": ", ":\n", ":  ", " :"])
        for _ in range(rng.randrange(0, 4)):
            text += rng.choice([" ", " ", ""]) + rng.choice(LINES) + "\n" + rng.choice(["", "", " \n", "\n"])
    if rng.random() < 0.2:
        text += " IMPRESSION: one " + rng.choice(HEADINGS) + ": two"
    return text


parser, rules = module(sys.argv[1]), module(sys.argv[2])
rng = random.Random(7)
cases = [report(rng) for _ in range(120)]
cases += ["", "no heading at all", "no heading\n \nbut a blank line\n \nand another", " IMPRESSION: on the first line"]
sections = []
for text in cases:
    texts, names, _ = parser.section_text(text)
    sections.append({"report": text, "sections": [{"name": name, "text": text} for name, text in zip(names, texts)]})

words = sorted({word for rule in rules.DICT_ANATOMICAL_POSITIONS.values() for key in ("a", "m1", "m2") for word in rule[key]})
words += ["bilateral", "both", "angle", "silhouette", "side", "hemi", "thorax"]
strings = {string for rule in rules.DICT_ANATOMICAL_POSITIONS.values() for string in rule["sc"]}
strings |= set(words) | {"unspecified", "chest", ""}
pairs = list(itertools.permutations(words, 2))
strings |= {"|".join(pair) for pair in rng.sample(pairs, 500)}
for _ in range(500):
    strings.add("|".join(rng.sample(words, 3)))
for base, side, level in itertools.product(["lung", "lungs", "lobe", "lobes", "base"], ["left", "right", "bilateral"],
                                           ["lower", "upper", "middle", "mid", "base", "volume", "apical"]):
    strings |= {f"{base}|{side}|{level}", f"{base}|{level}|{side}"}
strings |= {f"{base}|{side}" for base in words for side in ("left", "right", "border")}


def position(text):
    for name, rule in rules.DICT_ANATOMICAL_POSITIONS.items():
        if rules.anatomy_to_position(text, rule["a"], rule["m1"], rule["m2"], rule["sc"], rule["t"]):
            return name
    return "unspecified" if text == "unspecified" else "other"


OUT.mkdir(parents=True, exist_ok=True)
(OUT / "sections.json").write_text(json.dumps(sections, indent=0) + "\n")
(OUT / "positions.json").write_text(json.dumps({text: position(text) for text in sorted(strings)}, indent=0) + "\n")
