// A rank without an engine: counts steps, meets the others in each over TCP as collectives would, and does what it is told.
//
//   node launch-rank.mjs FOLDER PLAN [--resume]
//
// PLAN is JSON: { steps, milliseconds, deeds: [{ rank, step, does, restart }], refuse }. A deed is done before its step; `restart`
// (0) says in which life. FOLDER gets `progress` (the last step), and a line in `log` for each start, signal and end.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beat, begun, failed, joinLauncher, rendezvous } from '../../dist/src/launch/rank.js';
import { worldFrom } from '../../dist/src/launch/world.js';

const [folder, plan, ...words] = process.argv.slice(2);
const { steps = 20, milliseconds = 10, deeds = [], refuse } = JSON.parse(plan);
const world = worldFrom(process.env);
const { rank, restart } = world;
const progress = join(folder, 'progress');
const log = (text) => appendFileSync(join(folder, 'log'), `${rank}.${restart} ${text}\n`);

joinLauncher(world);
const affinity = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
const { OMP_NUM_THREADS, MASTER_PORT, LOCAL_RANK, LOCAL_WORLD_SIZE } = process.env;
log(
  `start ${process.pid} ${JSON.stringify({ words, affinity, OMP_NUM_THREADS, MASTER_PORT, LOCAL_RANK, LOCAL_WORLD_SIZE })}`,
);

let stop = 0;
let deaf = false;
for (const [signal, number] of [
  ['SIGTERM', 15],
  ['SIGINT', 2],
]) {
  process.on(signal, () => {
    log(signal);
    if (number === 2 && stop === 2) process.exit(130);
    if (!deaf) stop = number;
  });
}
process.on('SIGUSR1', () => log('SIGUSR1'));

function end(status, text) {
  log(`end ${status} ${text}`);
  process.exit(status);
}

function fail(code, message, status = 1) {
  failed(Object.assign(new Error(message), { code }));
  console.error(`failed: ${message}`);
  end(status, code);
}

if (refuse) fail('run-exists', 'the folder holds a run');

// In each step rank 0 gets a byte of every other rank, and then sends each one: '.', or 's' where a rank is to stop, so that all
// do after the same step, as in training. Whoever loses its connection blames a peer.
const peers = [];
let bytes = '';
let lose = () => fail('peer-lost', 'connection closed by peer');
function listen(socket) {
  socket.on('data', (more) => {
    bytes += more;
  });
  // Later than what came before it.
  socket.on('close', () => setTimeout(() => lose(), 20));
  socket.on('error', () => {});
  peers.push(socket);
}
const server = createServer(listen);
const port = await rendezvous(
  world,
  () => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port))),
  10,
);
if (rank > 0) listen(connect(port, '127.0.0.1'));
while (peers.length < (rank === 0 ? world.world - 1 : 1)) await pause(2);

let step = words.includes('--resume') && existsSync(progress) ? Number(readFileSync(progress, 'utf8')) : 0;
log(`from ${step}`);
if (rank === 0) begun();
async function meet() {
  const send = (byte) => {
    for (const peer of peers) peer.write(byte);
  };
  if (rank > 0) send(stop ? 's' : '.');
  while (bytes.length < peers.length) await pause(1);
  const ends = (rank === 0 && stop > 0) || bytes.slice(0, peers.length).includes('s');
  bytes = bytes.slice(peers.length);
  if (rank === 0) send(ends ? 's' : '.');
  return ends;
}

const does = {
  exit3: () => end(3, 'exit'),
  usage: () => fail('bad-option', 'expected another option', 2),
  nan: () => fail('not-finite', `loss of rank ${rank} is not finite`),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  stop: () => process.kill(process.pid, 'SIGSTOP'),
  deaf: () => {
    deaf = true;
  },
  block: () => {
    log('blocked');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
  speak: () => {
    console.log('one\ntwo');
    process.stderr.write(rank > 0 ? 'three, with no end' : '');
  },
  timeout: () => setTimeout(() => fail('peer-lost', 'a collective took too long'), 5500),
};
let ends = false;
while (step < steps && !ends) {
  for (const deed of deeds) {
    if (deed.rank === rank && deed.step === step && (deed.restart ?? 0) === restart) does[deed.does]();
  }
  beat(step, 'forward');
  await pause(milliseconds);
  ends = await meet();
  step++;
  if (rank === 0) writeFileSync(progress, String(step));
}
lose = () => {};
// Word of another's signal can be here before one's own.
while (ends && !stop) await pause(1);
end(stop ? 128 + stop : 0, `step ${step}`);
