import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import type { BareMachine } from './bare-machine.js';

/** A zip file with these entries, packed as wheels are. */
export function zip(files: Record<string, string | Buffer>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    const packed = deflateRawSync(bytes);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(bytes.length, 22);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(8, 10);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(bytes.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(((name.includes('/lib/') ? 0o100755 : 0o100644) << 16) >>> 0, 38);
    central.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), packed);
    directory.push(central, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  const count = Object.keys(files).length;
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

const versionHeader = (version: string) => {
  const [major, minor, patch] = version.split('.');
  return `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`;
};

/** The files by which libtorch is known. */
export function libtorchFiles(version = '2.13.0'): Record<string, string> {
  return {
    'torch/include/ATen/ATen.h': '// header\n',
    'torch/include/torch/headeronly/version.h': versionHeader(version),
    'torch/lib/libtorch_cpu.so': 'library'.repeat(10_000),
    'torch/lib/libtorch_python.so': 'only for Python',
    'torch/nn/modules.py': 'only for Python',
  };
}

/** A wheel: the files and a RECORD with their checksums, some of which a test may falsify. */
export function wheel(files: Record<string, string>, falsified: string[] = []): Buffer {
  const record = Object.entries(files)
    .map(([name, content]) => {
      const checksum = createHash('sha256')
        .update(falsified.includes(name) ? `${content}!` : content)
        .digest('base64url');
      return `${name},sha256=${checksum},${content.length}`;
    })
    .join('\n');
  return zip({ ...files, 'torch-2.13.0+cpu.dist-info/RECORD': `${record}\ntorch-2.13.0+cpu.dist-info/RECORD,,\n` });
}

/**
 * Puts a python3 on PATH whose pip offers this wheel from the machine's own disk. Every call is written to calls.log.
 * @param needs what the wheel says it depends on
 */
export function pipOffers(machine: BareMachine, content: Buffer, needs: string[] = []) {
  const file = `${machine.folder}/torch.whl`;
  writeFileSync(file, content);
  const report = JSON.stringify({
    install: [
      {
        metadata: { name: 'torch', version: '2.13.0+cpu', requires_dist: needs },
        download_info: { url: `file://${file}`, archive_info: { hashes: {} } },
      },
    ],
  });
  writeFileSync(`${machine.folder}/offer.json`, report);
  fakePip(machine, `while [ "$1" != --report ]; do shift; done; sleep 0.3; cp ${machine.folder}/offer.json "$2"`);
}

/** A python3 without torch, whose pip does what the body says for `install` and `download`. */
export function fakePip(machine: BareMachine, body: string) {
  machine.program(
    'python3',
    `echo "$@" >> ${machine.folder}/calls.log
case "$1 $3" in
  "-c "*) echo ;;
  "-m --version") echo pip 24.0 ;;
  *) ${body} ;;
esac`,
  );
}
