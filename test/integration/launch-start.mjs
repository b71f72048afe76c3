// The launcher as a process of its own: node launch-start.mjs OPTIONS, JSON of launchLocal's; events go to standard output.
import { jsonStream } from '../../dist/src/events/jsonl.js';
import { launchLocal } from '../../dist/src/launch/local.js';

const listeners = () => [jsonStream(process.stdout)];
process.exitCode = await launchLocal({ ...JSON.parse(process.argv[2]), listeners });
