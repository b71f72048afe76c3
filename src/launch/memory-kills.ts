import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * How many processes of this one's cgroup the kernel has killed for lack of memory: memory.events of cgroup v2,
 * memory.oom_control of v1. Nothing where neither can be read.
 */
export function memoryKills(root = '/'): number | undefined {
  const groups = read(join(root, 'proc/self/cgroup'));
  const unified = /^0::(.*)$/m.exec(groups)?.[1];
  const memory = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m.exec(groups)?.[1];
  const files = [
    // Inside of a container, the path is often that outside of it, and the container's own group lies at the top.
    ...(unified === undefined ? [] : [join(unified, 'memory.events'), 'memory.events']),
    ...(memory === undefined
      ? []
      : [join('memory', memory, 'memory.oom_control'), join('memory', 'memory.oom_control')]),
  ];
  for (const file of files) {
    const count = /^oom_kill (\d+)$/m.exec(read(join(root, 'sys/fs/cgroup', file)))?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
