import { describe, expect, test } from 'vitest';
import { countsOf, firstHostOf } from '../../../src/launch/slurm.js';
import { type World, worldFrom } from '../../../src/launch/world.js';

type Environment = Record<string, string>;

const torchrun: Environment = {
  GROUP_RANK: '1',
  GROUP_WORLD_SIZE: '2',
  LOCAL_RANK: '1',
  LOCAL_WORLD_SIZE: '4',
  MASTER_ADDR: 'gpu03',
  MASTER_PORT: '29500',
  RANK: '5',
  ROLE_RANK: '5',
  ROLE_WORLD_SIZE: '8',
  TORCHELASTIC_MAX_RESTARTS: '3',
  TORCHELASTIC_RESTART_COUNT: '2',
  TORCHELASTIC_RUN_ID: 'none',
  TORCHELASTIC_USE_AGENT_STORE: 'True',
  WORLD_SIZE: '8',
};

const slurm: Environment = {
  SLURM_JOB_ID: '812345',
  SLURM_JOB_NODELIST: 'gpu[03-05,9],login1',
  SLURM_LOCALID: '1',
  SLURM_NODEID: '2',
  SLURM_NTASKS: '9',
  SLURM_PROCID: '7',
  SLURM_STEP_ID: '0',
  SLURM_STEP_NODELIST: 'gpu[03-05]',
  SLURM_STEP_NUM_TASKS: '9',
  SLURM_STEP_TASKS_PER_NODE: '3(x3)',
  SLURM_TASKS_PER_NODE: '3(x3),2(x2)',
};

const pytorchJob: Environment = {
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
  MASTER_ADDR: 'clip-master-0',
  MASTER_PORT: '23456',
  PET_NNODES: '3',
  PET_NODE_RANK: '2',
  PET_NPROC_PER_NODE: '1',
  PYTHONUNBUFFERED: '1',
  RANK: '2',
  WORLD_SIZE: '3',
};

const plain: Environment = { RANK: '1', WORLD_SIZE: '4', MASTER_ADDR: '10.0.0.7', MASTER_PORT: '29500' };

const without = (env: Environment, ...names: string[]) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));

test('no variables: alone', () => {
  expect(worldFrom({ PATH: '/bin', RANK: '' })).toEqual({
    rank: 0,
    world: 1,
    localRank: 0,
    localWorld: 1,
    address: '127.0.0.1',
    port: 0,
    served: false,
    launcher: 'single',
    restart: 0,
  });
});

test('a rank of the local launcher, which counts before everything around it', () => {
  const env = {
    ...slurm,
    GADOLINIUM_LAUNCHER: 'local',
    GADOLINIUM_RESTART: '2',
    RANK: '1',
    LOCAL_RANK: '1',
    WORLD_SIZE: '2',
    LOCAL_WORLD_SIZE: '2',
    MASTER_ADDR: '127.0.0.1',
  };
  expect(worldFrom(env)).toEqual({
    rank: 1,
    world: 2,
    localRank: 1,
    localWorld: 2,
    address: '127.0.0.1',
    port: 0,
    served: false,
    launcher: 'local',
    restart: 2,
  });
});

describe('torchrun', () => {
  const world: World = {
    rank: 5,
    world: 8,
    localRank: 1,
    localWorld: 4,
    address: 'gpu03',
    port: 29_500,
    served: true,
    launcher: 'torchrun',
    restart: 2,
  };

  test('its agent serves the store', () => expect(worldFrom(torchrun)).toEqual(world));

  test('or rank 0 does', () =>
    expect(worldFrom({ ...torchrun, TORCHELASTIC_USE_AGENT_STORE: 'False' })).toEqual({ ...world, served: false }));

  test('counts before the srun that started it', () => expect(worldFrom({ ...slurm, ...torchrun })).toEqual(world));
});

describe('srun', () => {
  const world: World = {
    rank: 7,
    world: 9,
    localRank: 1,
    localWorld: 3,
    address: 'gpu03',
    port: worldFrom(slurm).port,
    served: false,
    launcher: 'slurm',
    restart: 0,
  };

  test('a task of several', () => expect(worldFrom(slurm)).toEqual(world));

  test('the port is the same for all tasks, below the ephemeral ones, another for each job, step and requeue', () => {
    const port = (more: Environment) => worldFrom({ ...slurm, ...more }).port;
    expect(port({ SLURM_PROCID: '0', SLURM_LOCALID: '0', SLURM_NODEID: '0' })).toBe(world.port);
    const ports = [
      world.port,
      port({ SLURM_JOB_ID: '812346' }),
      port({ SLURM_STEP_ID: '1' }),
      port({ SLURM_RESTART_COUNT: '1' }),
    ];
    expect(new Set(ports).size).toBe(4);
    for (const one of ports) {
      expect(one).toBeGreaterThanOrEqual(15_000);
      expect(one).toBeLessThan(32_768);
    }
  });

  test('a requeue counts as a restart', () =>
    expect(worldFrom({ ...slurm, SLURM_RESTART_COUNT: '3' })).toMatchObject({ restart: 3 }));

  test('the meeting point can be set', () =>
    expect(worldFrom({ ...slurm, MASTER_ADDR: '10.0.0.1', MASTER_PORT: '4000' })).toEqual({
      ...world,
      address: '10.0.0.1',
      port: 4000,
    }));

  test('machines with different numbers of tasks', () => {
    const env = { ...slurm, SLURM_STEP_TASKS_PER_NODE: '4,3,2' };
    expect(worldFrom(env)).toMatchObject({ localWorld: 2 });
    const asked = without(slurm, 'SLURM_STEP_TASKS_PER_NODE', 'SLURM_TASKS_PER_NODE');
    expect(worldFrom({ ...asked, SLURM_NTASKS_PER_NODE: '4' })).toMatchObject({ localWorld: 4 });
  });

  test("the batch script, and srun --pty's shell, are alone though the job has many tasks", () => {
    const job = {
      SLURM_JOB_ID: '812345',
      SLURM_JOB_NODELIST: 'gpu[03-05]',
      SLURM_NTASKS: '9',
      SLURM_PROCID: '0',
      SLURM_LOCALID: '0',
    };
    expect(worldFrom(job)).toMatchObject({ world: 1, launcher: 'single' });
    expect(worldFrom({ ...job, SLURM_STEP_ID: '4', SLURM_STEP_NUM_TASKS: '1' })).toMatchObject({ launcher: 'single' });
  });

  test.each([
    ['gpu[03-05,9],login1', 'gpu03'],
    ['login1,gpu[03-05]', 'login1'],
    ['gpu7', 'gpu7'],
    ['r[2-3]n[01,04]', 'r2n01'],
    ['gpu-a[10].cluster', 'gpu-a10.cluster'],
    ['gpu[', undefined],
    ['gpu[x-3]', undefined],
  ])('the first machine of %s is %s', (list, host) => expect(firstHostOf(list)).toBe(host));

  test('2(x3),1', () => {
    expect(countsOf('2(x3),1')).toEqual([2, 2, 2, 1]);
    expect(countsOf('2(x3),')).toBeUndefined();
  });
});

describe('Kubernetes', () => {
  const world: World = {
    rank: 2,
    world: 3,
    localRank: 0,
    localWorld: 1,
    address: 'clip-master-0',
    port: 23_456,
    served: false,
    launcher: 'kubernetes',
    restart: 0,
  };

  test('a pod of a PyTorchJob', () => expect(worldFrom(pytorchJob)).toEqual(world));

  test('a pod of a TrainJob', () => {
    const env = {
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
      PET_NNODES: '3',
      PET_NODE_RANK: '2',
      PET_NPROC_PER_NODE: 'auto',
      PET_MASTER_ADDR: 'clip-master-0',
      PET_MASTER_PORT: '23456',
    };
    expect(worldFrom(env)).toEqual(world);
  });

  test('any other pod is alone', () =>
    expect(worldFrom({ KUBERNETES_SERVICE_HOST: '10.96.0.1' })).toMatchObject({ launcher: 'single' }));
});

describe('variables set by hand', () => {
  test('each rank on a machine of its own', () =>
    expect(worldFrom(plain)).toEqual({
      rank: 1,
      world: 4,
      localRank: 0,
      localWorld: 1,
      address: '10.0.0.7',
      port: 29_500,
      served: false,
      launcher: 'plain',
      restart: 0,
    }));

  test.each(['127.0.0.1', 'localhost', '::1'])('all on this one where they meet at %s', (address) =>
    expect(worldFrom({ ...plain, MASTER_ADDR: address })).toMatchObject({ localRank: 1, localWorld: 4 }),
  );

  test('as LOCAL_RANK says', () =>
    expect(worldFrom({ ...plain, LOCAL_RANK: '1', LOCAL_WORLD_SIZE: '2' })).toMatchObject({
      localRank: 1,
      localWorld: 2,
    }));

  test('one of one needs no place to meet', () =>
    expect(worldFrom({ RANK: '0', WORLD_SIZE: '1' })).toMatchObject({ world: 1, launcher: 'plain' }));

  test('count before srun where that started something else', () =>
    expect(worldFrom({ ...slurm, ...plain })).toMatchObject({ rank: 1, world: 4, launcher: 'plain' }));
});

describe('what is wrong is named', () => {
  test.each<[string, Environment, RegExp]>([
    ['no world size', without(plain, 'WORLD_SIZE'), /a value \(RANK is set\) .* WORLD_SIZE but got nothing/],
    ['no rank', without(plain, 'RANK'), /WORLD_SIZE is set.* variable RANK but/],
    ['no address', without(plain, 'MASTER_ADDR'), /variable MASTER_ADDR but got nothing/],
    ['no port', without(plain, 'MASTER_PORT'), /variable MASTER_PORT but got nothing/],
    ['only an address', { MASTER_ADDR: 'gpu1' }, /MASTER_ADDR is set.* variable RANK/],
    ['only a local rank', { LOCAL_RANK: '0' }, /LOCAL_RANK is set.* variable RANK/],
    ['a rank too high', { ...plain, RANK: '4' }, /below WORLD_SIZE = 4 for .* RANK but got 4/],
    ['a rank that is none', { ...plain, RANK: '-1' }, /whole number from 0 for .* RANK but got '-1'/],
    ['a port too high', { ...plain, MASTER_PORT: '70000' }, /of 1 to 65535 for .* MASTER_PORT but got '70000'/],
    ['no world at all', { ...plain, WORLD_SIZE: '0' }, /from 1 for .* WORLD_SIZE/],
    ['a local rank too high', { ...plain, LOCAL_RANK: '2', LOCAL_WORLD_SIZE: '2' }, /below LOCAL_WORLD_SIZE = 2/],
    ['a machine with more than all', { ...plain, LOCAL_WORLD_SIZE: '8' }, /at most WORLD_SIZE = 4 .*LOCAL_WORLD_SIZE/],
    ['torchrun without a local rank', without(torchrun, 'LOCAL_RANK'), /torchrun.* LOCAL_RANK but got nothing/],
    ['torchrun without a port', without(torchrun, 'MASTER_PORT'), /torchrun.* MASTER_PORT/],
    ['srun without a rank', without(slurm, 'SLURM_PROCID'), /SLURM_STEP_ID is set.* SLURM_PROCID/],
    ['srun with a rank too high', { ...slurm, SLURM_PROCID: '9' }, /below SLURM_STEP_NUM_TASKS = 9 .* SLURM_PROCID/],
    ['srun with an odd list', { ...slurm, SLURM_STEP_NODELIST: 'gpu[' }, /SLURM_STEP_NODELIST but got 'gpu\['/],
    ['srun with odd counts', { ...slurm, SLURM_STEP_TASKS_PER_NODE: '3,x' }, /SLURM_STEP_TASKS_PER_NODE but got '3,x'/],
    ['srun with too few counts', { ...slurm, SLURM_STEP_TASKS_PER_NODE: '3,3' }, /reach to machine 2/],
    ['srun and another rank', { ...slurm, ...plain, WORLD_SIZE: '9' }, /SLURM_PROCID = 7 for .* RANK but got 1/],
    ['a pod of several', { ...pytorchJob, PET_NPROC_PER_NODE: '4' }, /PET_NPROC_PER_NODE but got '4'/],
    ['a pod without an address', without(pytorchJob, 'MASTER_ADDR'), /variable MASTER_ADDR/],
    ['an elastic pod', { PET_NNODES: '1:4', PET_NODE_RANK: '0' }, /PET_NNODES but got '1:4'/],
    ['an unknown launcher', { GADOLINIUM_LAUNCHER: 'remote' }, /GADOLINIUM_LAUNCHER but got 'remote'/],
    ['half a local rank', { GADOLINIUM_LAUNCHER: 'local', RANK: '0' }, /GADOLINIUM_LAUNCHER is set.* WORLD_SIZE/],
  ])('%s', (_, env, message) => {
    expect(() => worldFrom(env)).toThrow(message);
    expect(() => worldFrom(env)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
