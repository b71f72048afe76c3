"""Ids that transformers' BertTokenizer gives, for test/integration/cxr-bert.test.ts.

Run: python test/parity/bert_ids.py VOCAB < texts as JSON lines > ids as JSON lines (with special tokens)"""
import json
import sys

import transformers

tokenizer = transformers.BertTokenizer(sys.argv[1], do_lower_case=True)
assert tokenizer.do_lower_case
for line in sys.stdin:
    print(json.dumps(tokenizer.encode(json.loads(line))))
