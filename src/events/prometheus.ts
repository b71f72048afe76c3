import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import type { CheckpointWritten, Evaluation, EventListener, RunFinished, RunStarted, Step } from './types.js';

export interface PrometheusOptions {
  /** Also answer `http://127.0.0.1:<port>/metrics`; 0 takes a free port, which `onListening` tells. */
  port?: number;
  onListening?: (port: number) => void;
  /** Least time between two writings of the file. */
  milliseconds?: number;
}

/**
 * Keeps the run's present state as Prometheus text: in `<run>/metrics.prom`, replaced in one move so that a reader never sees
 * half of it (the node exporter's textfile collector can be pointed at it), and on a loopback port where asked for.
 */
export function prometheus(run: string, options: PrometheusOptions = {}): EventListener {
  const { milliseconds = 5000 } = options;
  const place = path.join(run, 'metrics.prom');
  const state = new State();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  let failure: unknown;
  // A run that is refused before it says anything must leave no trace in the folder.
  let heard = false;
  const keep = (error: unknown) => {
    failure = error;
  };
  const server = options.port === undefined ? undefined : serve(state, options.port, options.onListening, keep);

  function write(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    // One after the other: two writers of the same temporary file would mix.
    const next = writing.then(async () => {
      await mkdir(run, { recursive: true });
      await writeFile(`${place}.part`, state.text());
      await rename(`${place}.part`, place);
    });
    writing = next.catch(() => {});
    return next;
  }

  return {
    name: 'prometheus',
    on(event) {
      heard = true;
      switch (event.type) {
        case 'step':
          state.step = event;
          break;
        case 'run-started':
          state.started = event;
          break;
        case 'evaluation':
          state.evaluations.set(event.name, event);
          break;
        case 'checkpoint':
          state.checkpoint = event;
          state.checkpoints++;
          break;
        case 'warning':
          state.warnings.set(event.code, (state.warnings.get(event.code) ?? 0) + 1);
          break;
        case 'rank-lost':
          state.lost++;
          break;
        case 'run-finished':
          state.finished = event;
      }
      timer ??= setTimeout(() => write().catch(keep), milliseconds).unref();
      if (failure !== undefined) {
        const error = failure;
        failure = undefined;
        throw error;
      }
    },
    async close() {
      server?.close();
      server?.closeAllConnections();
      if (heard) await write();
    },
  };
}

function serve(
  state: State,
  port: number,
  tell: ((port: number) => void) | undefined,
  failed: (error: unknown) => void,
): Server {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('the metrics are at /metrics\n');
    } else {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(request.method === 'HEAD' ? undefined : state.text());
    }
  });
  server.on('error', failed);
  server.listen(port, '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object' && address !== null) tell?.(address.port);
  });
  // A finished run must not be kept alive by its metrics.
  server.unref();
  return server;
}

type Labels = Record<string, string>;

class State {
  started: RunStarted | undefined;
  step: Step | undefined;
  checkpoint: CheckpointWritten | undefined;
  finished: RunFinished | undefined;
  checkpoints = 0;
  lost = 0;
  readonly evaluations = new Map<string, Evaluation>();
  readonly warnings = new Map<string, number>();

  text(): string {
    const page = new Page();
    const { started, step, checkpoint, finished } = this;
    if (started !== undefined) {
      page.gauge('run_info', 'The run; always 1.', [
        [
          {
            recipe: started.recipe,
            run: started.run,
            device: started.device,
            precision: started.precision,
            version: started.versions.gadolinium,
          },
          1,
        ],
      ]);
      page.gauge('planned_steps', 'Optimiser steps of the whole run.', [[{}, started.steps]]);
      page.gauge('processes', 'Processes that train together.', [[{}, started.world]]);
      page.gauge('parameters', 'Parameters of the model.', [
        [{ kind: 'total' }, started.parameters.total],
        [{ kind: 'trainable' }, started.parameters.trainable],
      ]);
      const now = finished?.reason ?? 'running';
      page.gauge(
        'run_state',
        '1 for the state that the run is in.',
        ['running', 'done', 'stopped', 'failed'].map((name) => [{ state: name }, name === now ? 1 : 0]),
      );
    }
    if (step !== undefined) {
      page.gauge('step', 'Optimiser step last finished.', [[{}, step.step]]);
      page.gauge('step_time_seconds', 'When that was, in seconds since the epoch.', [[{}, step.time / 1000]]);
      page.gauge('epoch', 'Epoch of that step.', [[{}, step.epoch]]);
      page.counter('samples', 'Samples seen since the start of training.', [[{}, step.samples]]);
      page.counter('skipped_steps', 'Steps skipped since loss or gradient was not finite.', [[{}, step.skipped]]);
      page.gauge('loss', 'Sum that was differentiated.', [[{}, step.loss]]);
      page.gauge('loss_term', 'Every term of the loss, weights applied.', each('term', step.losses));
      page.gauge('measure', 'What objectives report beside their loss.', each('name', step.measures));
      page.gauge('learning_rate', 'By parameter group.', each('group', step.learningRates));
      if (step.logitScale !== undefined)
        page.gauge('logit_scale', 'exp of the learned logit scale.', [[{}, step.logitScale]]);
      page.gauge('gradient_norm', 'Before clipping.', [[{}, step.gradientNorm]]);
      page.gauge('tower_gradient_norm', 'Before clipping, by tower.', each('tower', step.gradientNorms));
      page.gauge('samples_per_second', 'Over all processes.', [[{}, step.samplesPerSecond]]);
      page.gauge(
        'step_part_seconds',
        'Where the time of the step went.',
        Object.entries(step.milliseconds).map(([part, value]) => [{ part }, value / 1000]),
      );
      if (step.mfu !== undefined) page.gauge('mfu', 'Model FLOP/s over the peak of the machine.', [[{}, step.mfu]]);
      if (step.flopsPerSecond !== undefined)
        page.gauge('flops_per_second', 'Model FLOP/s.', [[{}, step.flopsPerSecond]]);
      page.gauge('memory_bytes', 'Resident set on a CPU, allocator on a card.', [
        [{ kind: 'now' }, step.memory.now],
        [{ kind: 'peak' }, step.memory.peak],
      ]);
      page.gauge('ready_batches', 'Batches decoded and waiting.', [[{}, step.ready]]);
    }
    page.gauge(
      'evaluation',
      'Last value of each metric.',
      [...this.evaluations.values()].flatMap(({ name, metrics }) =>
        Object.entries(metrics).map(([metric, value]): [Labels, number] => [{ task: name, metric }, value]),
      ),
    );
    page.gauge(
      'evaluation_step',
      'Step of the last evaluation.',
      [...this.evaluations.values()].map(({ name, step }) => [{ task: name }, step]),
    );
    page.counter('checkpoints', 'Checkpoints written by this session.', [[{}, this.checkpoints]]);
    if (checkpoint !== undefined)
      page.gauge('checkpoint_step', 'Step of the last checkpoint.', [[{}, checkpoint.step]]);
    page.counter(
      'warnings',
      'Warnings of this session.',
      [...this.warnings].map(([code, count]) => [{ code }, count]),
    );
    page.counter('lost_ranks', 'Processes that were lost.', [[{}, this.lost]]);
    return page.text;
  }
}

function each(label: string, values: Record<string, number>): [Labels, number][] {
  return Object.entries(values).map(([name, value]) => [{ [label]: name }, value]);
}

/** Prometheus's text format, version 0.0.4. */
class Page {
  text = '';

  gauge(name: string, help: string, samples: [Labels, number][]): void {
    this.#family(`gadolinium_${name}`, 'gauge', help, samples);
  }

  counter(name: string, help: string, samples: [Labels, number][]): void {
    this.#family(`gadolinium_${name}_total`, 'counter', help, samples);
  }

  #family(name: string, type: string, help: string, samples: [Labels, number][]): void {
    if (samples.length === 0) return;
    this.text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const [labels, value] of samples) {
      const inside = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
      this.text += `${name}${inside.length > 0 ? `{${inside.join(',')}}` : ''} ${number(value)}\n`;
    }
  }
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
