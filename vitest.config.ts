import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Processes, not threads: the addon and libtorch's thread pools are then new for every file, and a crash in native
    // code fails one file and not the run.
    pool: 'forks',
    // Native code uses all cores by itself.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
