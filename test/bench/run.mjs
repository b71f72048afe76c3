// Runs benches by name: npm run bench -- training-step events data-path. Without a name: the list.
//
// Peers need a Python with torch, torchvision, transformers and Pillow, named by GADOLINIUM_PEER_PYTHON; without it they are passed over,
// said aloud.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const python = process.env.GADOLINIUM_PEER_PYTHON;
const here = (file) => `test/bench/${file}`;

const benches = {
  'training-step': ['ResNet-50 + BERT-base, beside eager PyTorch', [['node', here('training-step.mjs')]]],
  'biovil-step': ['the recipe biovil, beside eager PyTorch', [['node', here('training-step.mjs'), 'biovil']]],
  'training-step-parts': [
    'what each part of the step is worth, ours and PyTorch in turns',
    [
      ['cmake', '--build', 'build/release', '--target', 'training_step_bench', '--parallel', '2'],
      ['node', here('training-step-parts.mjs')],
    ],
  ],
  ranks: ['two processes beside one of two threads', [['node', here('ranks.mjs')]]],
  'start-up': ['from process start to the first step of demo', [['node', here('start-up.mjs')]]],
  'open-shards': ['opening a prepared folder of up to 20,000 shards', [['node', here('open-shards.mjs')]]],
  events: ['what 1,000 step events a second cost', [['node', here('events.mjs'), '4']]],
  contrast: [
    'the contrasts at N = 4096, D = 512, beside their compositions of libtorch operators and eager PyTorch',
    [
      ['cmake', '--build', 'build/release', '--target', 'contrast_bench', '--parallel', '2'],
      ['build/release/contrast_bench'],
      ['build/release/contrast_bench', '32768', '512', '1'],
      python && [python, here('contrast_peer.py')],
    ],
  ],
  'data-path': [
    'samples a second per core, beside torch DataLoader + Pillow',
    [
      ['cmake', '--build', 'build/release', '--target', 'data_path_bench', '--parallel', '2'],
      ['build/release/data_path_bench'],
      python && [python, here('data_path_peer.py')],
    ],
  ],
  'word-region': [
    'contrast of words and regions, beside the loop of eager PyTorch',
    [
      ['cmake', '--build', 'build/release', '--target', 'word_region_bench', '--parallel', '2'],
      ['node', here('word-region.mjs')],
    ],
  ],
};

const names = process.argv.slice(2);
if (names.length === 0)
  for (const [name, [title]] of Object.entries(benches)) console.log(`${name.padEnd(20)} ${title}`);
for (const name of names) {
  const [, commands] = benches[name] ?? [];
  if (!commands) throw new Error(`expected one of ${Object.keys(benches).join(', ')} but got ${name}`);
  for (const command of commands) {
    if (!command) {
      console.error('GADOLINIUM_PEER_PYTHON is not set: the peer is passed over');
      continue;
    }
    const { status } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}
