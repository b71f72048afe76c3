import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { architecture, availableMemory, findBuildTools } from './build-tools.mjs';
import { freeSpace } from './disk-space.mjs';
import { asFailure, type SetupFailure } from './failure.mjs';
import { findLibtorch, linkedLibtorch } from './libtorch.mjs';
import { cacheFolder, root } from './places.mjs';
import { findProgram, run } from './program.mjs';
import { size } from './progress.mjs';

/** What was found about one thing that training may need. */
export interface Finding {
  name: string;
  /** missing: training cannot run without it; absent: it can, and `advice` says what it would be good for. */
  state: 'ok' | 'missing' | 'absent';
  /** What is there, or what is not, in words. */
  found: string;
  /** What to do. */
  advice?: string;
  /** The same in figures, where there are any. */
  details?: Record<string, unknown>;
}

const ok = (name: string, found: string, details?: Record<string, unknown>): Finding => ({
  name,
  state: 'ok',
  found,
  ...(details ? { details } : {}),
});

/** Looks at everything that training uses. Nothing is changed, and nothing is loaded into this process but sharp. */
export async function inspectMachine(): Promise<Finding[]> {
  const [node, cards] = [inspectNode(), await inspectCards()];
  const addon = await inspectAddon('release');
  const cudaAddon = await inspectAddon('cuda');
  const hasCards = cards.state === 'ok';
  return [
    node,
    await inspectBuildTools(addon.state === 'ok'),
    await inspectLibtorch(false),
    addon,
    cards,
    ...(hasCards || cudaAddon.state === 'ok' ? [await inspectLibtorch(true), cudaAddon, await inspectNccl()] : []),
    await inspectCodecs(),
    inspectThreads(),
    inspectMemory(),
    inspectCache(),
  ];
}

function inspectNode(): Finding {
  return ok('node', `${process.versions.node} (${process.platform} ${process.arch})`, {
    version: process.versions.node,
  });
}

/** Only needed where the addon is still to be built. */
async function inspectBuildTools(addonIsBuilt: boolean): Promise<Finding> {
  try {
    const tools = await findBuildTools();
    return ok(
      'build tools',
      `g++ ${tools.compilerVersion}, CMake ${tools.cmakeVersion}, ${tools.maker}, -march=${architecture()}`,
      tools,
    );
  } catch (error) {
    return notThere('build tools', asFailure(error), !addonIsBuilt);
  }
}

async function inspectLibtorch(cuda: boolean): Promise<Finding> {
  const name = cuda ? 'libtorch for CUDA' : 'libtorch';
  const command = cuda ? 'npm run build:cuda' : 'npm run setup';
  try {
    const linked = linkedLibtorch(cuda ? 'cuda' : 'release');
    const found = linked ? { ...linked, origin: 'what the addon is linked with' } : await findLibtorch(cuda);
    if (found) return ok(name, `${found.version}, ${found.folder} (${found.origin})`, found);
    return { name, state: cuda ? 'absent' : 'missing', found: 'none', advice: `\`${command}\` fetches it.` };
  } catch (error) {
    return notThere(name, asFailure(error), !cuda);
  }
}

/** Loads the addon in a process of its own, so that a crash in it is a finding and not the end. */
async function inspectAddon(build: 'release' | 'cuda'): Promise<Finding> {
  const name = build === 'cuda' ? 'addon for CUDA' : 'addon';
  const command = build === 'cuda' ? 'npm run build:cuda' : 'npm run setup';
  const state = build === 'cuda' ? 'absent' : 'missing';
  const file = join(root, 'build', build, 'gadolinium.node');
  if (!existsSync(file)) return { name, state, found: 'not built', advice: `\`${command}\` builds it.` };
  const load =
    'const m = { exports: {} }; process.dlopen(m, process.argv[1]); console.log(Object.keys(m.exports).length)';
  const { status, stdout, output } = await run(process.execPath, ['-e', load, file]);
  if (status !== 0) {
    const reason = /Error: (.*)/.exec(output)?.[1] ?? `the process that loaded it ended with status ${status}`;
    return { name, state, found: `does not load: ${reason}`, advice: `Remove build/${build} and run \`${command}\`.` };
  }
  return ok(name, `loads, ${file}`, { file, exports: Number(stdout.trim()) });
}

async function inspectCards(): Promise<Finding> {
  const driver = readText('/proc/driver/nvidia/version');
  const driverVersion = /Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)/.exec(driver)?.[1];
  const nvidiaSmi = findProgram('nvidia-smi');
  const query = ['--query-gpu=name,memory.total,compute_cap,driver_version', '--format=csv,noheader'];
  const listed = nvidiaSmi ? await run(nvidiaSmi, query) : undefined;
  const cards = listed?.status === 0 ? listed.stdout.trim().split('\n').filter(Boolean) : [];
  if (cards.length > 0) return ok('cards', cards.join('; '), { cards, driver: driverVersion });
  if (driver) {
    const advice = 'Check `nvidia-smi`, and that the container or the job was given a card.';
    return {
      name: 'cards',
      state: 'absent',
      found: `driver ${driverVersion ?? 'of unknown version'}, but no card answers`,
      advice,
    };
  }
  return {
    name: 'cards',
    state: 'absent',
    found: 'no NVIDIA driver',
    advice: 'Training runs on the CPU, which is for trials only.',
  };
}

async function inspectNccl(): Promise<Finding> {
  const libtorch = linkedLibtorch('cuda') ?? (await findLibtorch(true).catch(() => undefined));
  const folder = libtorch && join(dirname(libtorch.folder), 'nvidia/nccl');
  if (!folder || !existsSync(join(folder, 'lib/libnccl.so.2')))
    return {
      name: 'NCCL',
      state: 'absent',
      found: 'none beside libtorch',
      advice: 'Several cards at once need it; `npm run build:cuda` fetches it.',
    };
  const header = readText(join(folder, 'include/nccl.h'));
  const part = (name: string) => new RegExp(`#define NCCL_${name} (\\d+)`).exec(header)?.[1];
  return ok('NCCL', `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}, ${folder}`);
}

async function inspectCodecs(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    const formats = Object.values(sharp.format).filter((format) => format.input.buffer);
    const names = formats.map((format) => format.id).sort();
    return ok('image codecs', `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}: ${names.join(' ')}`, {
      ...sharp.versions,
    });
  } catch (error) {
    const found = `sharp does not load: ${(error as Error).message.split('\n')[0]}`;
    return { name: 'image codecs', state: 'missing', found, advice: '`npm ci` installs it.' };
  }
}

function inspectThreads(): Finding {
  const given = process.env['OMP_NUM_THREADS'];
  const threads = availableParallelism();
  return ok(
    'threads',
    `${threads}${given ? `, OMP_NUM_THREADS=${given}` : ''} (${cpus()[0]?.model ?? 'unknown CPU'})`,
    { threads },
  );
}

function inspectMemory(): Finding {
  const [available, total] = [availableMemory(), totalmem()];
  return ok('memory', `${size(available)} available of ${size(total)}`, { available, total });
}

function inspectCache(): Finding {
  const folder = cacheFolder();
  const kept = existsSync(folder)
    ? readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory())
    : [];
  return ok('cache', `${folder} (${kept.join(', ') || 'empty'}; ${size(freeSpace(folder))} free on its disk)`, {
    folder,
    kept,
  });
}

function notThere(name: string, failure: SetupFailure, needed: boolean): Finding {
  return { name, state: needed ? 'missing' : 'absent', found: failure.message, advice: failure.remedy };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
