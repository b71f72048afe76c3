import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

// Which room may import which. The two pictures below are the whole rule; the tests at the end hold the sources, and the
// rule itself, against them.

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Import {
  /** The importing file, from the package's folder. */
  file: string;
  /** The imported one. */
  target: string;
  /** `import type`: gone after compilation. */
  typeOnly: boolean;
}

// ---- TypeScript: cli → profile → train → model → launch, evaluate, report, storage → data, checkpoint, events → native → the .node
//                  recipes → config

/** Rooms of src/ by level; a room may import what lies on a lower level. The root's other files are the package's face. */
const SRC_LEVELS: Record<string, number> = {
  errors: 0,
  package: 0,
  setup: 0,
  config: 1,
  native: 2,
  radiology: 2,
  data: 3,
  checkpoint: 3,
  events: 3,
  storage: 4,
  launch: 4,
  evaluate: 4,
  profile: 6.5,
  report: 4,
  recipes: 4,
  model: 5,
  train: 6,
  cli: 8,
};
const FACE = 7;
/** Words that everybody may speak: types of the config and of the events. */
const VOCABULARY = /^src\/(config\/|events\/types)/;

function roomOf(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'src'
    ? parts.length === 2
      ? (parts[1] ?? '').replace(/\.m?ts$/, '')
      : (parts[1] ?? '')
    : (parts[0] ?? '');
}

/** Why the import is not allowed, or nothing. */
function objectionToTypeScript({ file, target, typeOnly }: Import): string | undefined {
  if (file.startsWith('datasets/')) {
    // mimic-cxr-jpg is made of mimic-cxr, and may read it as that does.
    if (dirname(target) === dirname(file) || dirname(file).startsWith(`${dirname(target)}-`)) return undefined;
    if (['errors', 'radiology'].includes(roomOf(target)) || target.startsWith('src/data/formats/')) return undefined;
    if (target.startsWith('src/data/') && typeOnly) return undefined;
    return 'a data set imports src/radiology, src/data/formats and types of src/data alone';
  }
  const from = roomOf(file);
  const to = roomOf(target);
  if (from === to) return undefined;
  if (target.startsWith('datasets/')) return 'data sets are found by listing their folder';
  if (from === 'setup') return 'set-up runs before anything else is there';
  if (typeOnly && VOCABULARY.test(target)) return undefined;
  if (from === 'recipes') {
    return ['config', 'errors', 'package'].includes(to) || /^src\/native\/generated\./.test(target)
      ? undefined
      : 'a recipe imports config and native/generated alone';
  }
  // The generated face is pure data too: functions that write down names and options.
  if (from === 'config' && /^src\/native\/generated\./.test(target)) return undefined;
  if ((SRC_LEVELS[from] ?? FACE) <= (SRC_LEVELS[to] ?? FACE)) return `${from} lies not above ${to}`;
  return undefined;
}

// ---- C++: binding → engine → encoders objectives relations optim data distributed checkpoint → heads → kernels → core

const NATIVE_LEVELS: Record<string, number> = {
  core: 0,
  profile: 1,
  kernels: 2,
  heads: 3,
  encoders: 4,
  objectives: 4,
  relations: 4,
  optim: 4,
  data: 4,
  distributed: 4,
  checkpoint: 4,
  engine: 5,
  binding: 6,
};
/** Rooms whose files are parts that do not know each other. */
const SIBLINGS = /^native\/(encoders|objectives|relations)\//;

function objectionToCpp({ file, target }: Import, isPart: (file: string) => boolean): string | undefined {
  const from = file.split('/')[1] ?? '';
  const to = target.split('/')[1] ?? '';
  const stem = (path: string) => path.replace(/\.[^.]+$/, '');
  if (from === to) {
    if (!SIBLINGS.test(file) || stem(file) === stem(target)) return undefined;
    if (dirname(file) !== dirname(target)) return 'kinds of encoders do not include each other';
    return isPart(stem(target)) ? 'a part never includes another part' : undefined;
  }
  const [a, b] = [NATIVE_LEVELS[from], NATIVE_LEVELS[to]];
  if (a === undefined || b === undefined) return `the picture knows no room ${a === undefined ? from : to}`;
  return a > b ? undefined : `${from} lies not above ${to}`;
}

// ---- reading

function files(folder: string, ending: RegExp): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => ending.test(name))
      .map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

function importsOfTypeScript(file: string, text: string): Import[] {
  const found: Import[] = [];
  const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"](\.[^'"]+)['"]/gm;
  for (const [, type, path = ''] of text.matchAll(statement))
    found.push({ file, target: normalize(join(dirname(file), path)), typeOnly: type !== undefined });
  for (const [, path = ''] of text.matchAll(/\bimport\(\s*['"](\.[^'"]+)['"]/g))
    found.push({ file, target: normalize(join(dirname(file), path)), typeOnly: false });
  return found.map((found) => ({ ...found, target: found.target.replace(/\.js$/, '.ts') }));
}

function importsOfCpp(file: string, text: string): Import[] {
  return [...text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)].map(([, path = '']) => ({
    file,
    target: path.includes('/') ? `native/${path}` : join(dirname(file), path),
    typeOnly: false,
  }));
}

const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('TypeScript', () => {
  const sources = [...files('src', /\.m?ts$/), ...files('datasets', /\.ts$/)];

  test('imports follow the picture', () => {
    const objections = sources
      .flatMap((file) => importsOfTypeScript(file, read(file)))
      .flatMap((found) => {
        const why = objectionToTypeScript(found);
        return why ? [`${found.file} imports ${found.target}: ${why}`] : [];
      });
    expect(objections).toEqual([]);
    expect(sources.length).toBeGreaterThan(10);
  });

  test('every room of src stands in the picture', () => {
    const rooms = new Set(sources.filter((file) => file.startsWith('src/') && file.split('/').length > 2).map(roomOf));
    expect([...rooms].filter((room) => !(room in SRC_LEVELS))).toEqual([]);
  });

  test('only native/addon loads the addon', () => {
    const loaders = sources.filter((file) => /gadolinium\.node|process\.dlopen/.test(read(file)));
    expect(loaders.filter((file) => !/^src\/(native|setup)\//.test(file))).toEqual([]);
  });

  test.each([
    ['src/recipes/clip.ts', "import { adamw } from '../native/generated.js'", undefined],
    ['src/recipes/clip.ts', "import { engine } from '../native/engine.js'", /a recipe imports config/],
    ['src/data/plan.ts', "import { run } from '../launch/local.js'", /data lies not above launch/],
    ['src/data/plan.ts', "import type { TrainEvent } from '../events/types.js'", undefined],
    ['src/data/plan.ts', "import { bus } from '../events/bus.js'", /data lies not above events/],
    ['src/config/schema.ts', "import {\n  load,\n} from '../native/addon.js'", /config lies not above native/],
    ['src/index.ts', "export { train } from './launch/train.js'", undefined],
    ['src/launch/local.ts', "import { x } from '../cli/train.js'", /launch lies not above cli/],
    ['src/native/addon.ts', "const x = await import('../events/bus.js')", /native lies not above events/],
    ['datasets/rocov2/adapter.ts', "import type { Adapter } from '../../src/data/adapter.js'", undefined],
    [
      'datasets/rocov2/adapter.ts',
      "import { writeShard } from '../../src/data/shards/writer.js'",
      /types of src\/data alone/,
    ],
    ['datasets/rocov2/adapter.ts', "import { tableRows } from '../../src/data/formats/tables.js'", undefined],
    ['datasets/rocov2/adapter.ts', "import { sectionsOf } from '../../src/radiology/sections.js'", undefined],
    ['datasets/rocov2/adapter.ts', "import { rows } from '../chexpert/adapter.js'", /types of src\/data alone/],
    ['datasets/chexpert-plus/adapter.ts', "import { rows } from '../chexpert/rows.js'", undefined],
    ['datasets/chexpert/adapter.ts', "import { rows } from '../chexpert-plus/rows.js'", /types of src\/data alone/],
  ])('%s: %s', (file, text, objection) => {
    const [found] = importsOfTypeScript(file, text);
    if (!found) throw new Error('no import was read');
    if (objection) expect(objectionToTypeScript(found)).toMatch(objection);
    else expect(objectionToTypeScript(found)).toBeUndefined();
  });
});

describe('C++', () => {
  const sources = files('native', /\.(cpp|h|cu|cuh)$/);
  const registers = (stem: string) =>
    sources.some((file) => file.replace(/\.[^.]+$/, '') === stem && /^\s*GD_REGISTER\(/m.test(read(file)));

  test('includes follow the picture', () => {
    const objections = sources
      .flatMap((file) => importsOfCpp(file, read(file)))
      .flatMap((found) => {
        const why = objectionToCpp(found, registers);
        return why ? [`${found.file} includes ${found.target}: ${why}`] : [];
      });
    expect(objections).toEqual([]);
    expect(sources.length).toBeGreaterThan(10);
  });

  test('napi.h is included in binding alone', () => {
    const withNode = sources.filter((file) =>
      /#\s*include\s+[<"](napi|node_api|node|uv|v8)[^>"]*[>"]/.test(read(file)),
    );
    expect(withNode.filter((file) => !file.startsWith('native/binding/'))).toEqual([]);
  });

  test('core knows no CUDA, and no kernel file includes torch', () => {
    const includes = (file: string) =>
      [...read(file).matchAll(/#\s*include\s+[<"]([^>"]+)[>"]/g)].map(([, path = '']) => path);
    const core = sources.filter((file) => file.startsWith('native/core/'));
    expect(core.filter((file) => includes(file).some((path) => /cuda/i.test(path)))).toEqual([]);
    const kernels = sources.filter((file) => /\.cuh?$/.test(file));
    expect(kernels.filter((file) => includes(file).some((path) => /^(ATen|torch|c10)\//.test(path)))).toEqual([]);
  });

  test.each([
    ['native/objectives/contrast.cpp', '#include "core/features.h"', undefined],
    ['native/objectives/contrast.cpp', '#include "heads/projection.h"', undefined],
    ['native/objectives/contrast.cpp', '#include "encoders/image/vit.h"', /objectives lies not above encoders/],
    ['native/objectives/contrast.cpp', '#include "objectives/queue.h"', /never includes another part/],
    ['native/objectives/contrast.cpp', '#include "objectives/present.h"', undefined],
    ['native/encoders/video/vivit.cpp', '#include "encoders/image/patches.h"', /kinds of encoders/],
    ['native/heads/pool.cpp', '#include "engine/run.h"', /heads lies not above engine/],
    ['native/kernels/contrast_cpu.cpp', '#include "kernels/contrast.h"', undefined],
    ['native/core/event.cpp', '#include "data/loader.h"', /core lies not above data/],
    ['native/binding/engine.cpp', '#include "engine/run.h"', undefined],
    ['native/misc/x.cpp', '#include "core/event.h"', /knows no room misc/],
  ])('%s: %s', (file, text, objection) => {
    const [found] = importsOfCpp(file, text);
    if (!found) throw new Error('no include was read');
    const why = objectionToCpp(found, (stem) => stem === 'native/objectives/queue');
    if (objection) expect(why).toMatch(objection);
    else expect(why).toBeUndefined();
  });
});
