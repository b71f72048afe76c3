import { expect, test, vi } from 'vitest';
import { asText, handler } from '../../../src/cli/doctor.js';
import { bareMachine } from '../setup/bare-machine.js';

test('each finding is a line, with what to do below it', () => {
  const text = asText(
    [
      { name: 'node', state: 'ok', found: '20.20.2' },
      { name: 'libtorch', state: 'missing', found: 'none', advice: '`npm run setup` fetches it.' },
    ],
    false,
  );
  expect(text).toBe(
    'ok       node      20.20.2\n' +
      'missing  libtorch  none\n' +
      '                   → `npm run setup` fetches it.\n' +
      '\nTraining cannot run here: see what is missing.\n',
  );
});

test('--json is one line, the exit status follows it, and what is not there is said', async () => {
  const machine = bareMachine();
  process.env['GADOLINIUM_LIBTORCH'] = machine.home;
  const written: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const before = process.exitCode;
  try {
    await handler({ json: true });
    write.mockRestore();
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^\{.*\}\n$/);
    const { type, ready, findings } = JSON.parse(written[0] ?? '');
    const named = (name: string) => findings.find((finding: { name: string }) => finding.name === name);
    expect(type).toBe('doctor');
    expect(ready).toBe(process.exitCode === 0);
    expect(named('build tools')).toMatchObject({
      found: expect.stringMatching(/expected a C\+\+ compiler/),
      advice: expect.any(String),
    });
    expect(named('image codecs')).toMatchObject({ state: 'ok', details: { sharp: expect.any(String) } });
    expect(named('memory').details.available).toBeGreaterThan(0);
    expect(named('cache').found).toContain(machine.cache);
  } finally {
    write.mockRestore();
    process.exitCode = before;
  }
});
