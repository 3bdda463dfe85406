import type { KeyObject } from 'node:crypto';
import { setPriority } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openArchive } from '../controls/audit/archive.ts';
import { openRecords } from '../controls/identity/records.ts';
import {
  type RunSimulation,
  readPastGrants,
  type SimulationJob,
  type SimulationProgress,
  type SimulationResult,
} from '../controls/policy/index.ts';
import { openReading } from '../storage/index.ts';
import { systemClock } from './clock.ts';
import { simulate } from './simulate.ts';

/** This file is both ends of the thread of a simulation: what starts it, and what it runs. */
type Told =
  | { kind: 'progress'; progress: SimulationProgress }
  | { kind: 'done'; result: SimulationResult }
  | { kind: 'failed'; reason: string };

type Given = { url: string; key: KeyObject; job: SimulationJob };

/** However long the log is. What is read of it dies young, if there is room to. */
const MEMORY = { maxYoungGenerationSizeMb: 48, maxOldGenerationSizeMb: 512 };

/** In the order of the scheduler, calls come first: on Linux a priority is a thread's own. */
const NICE = 5;

export function simulateOnThread({ url, key }: Omit<Given, 'job'>): RunSimulation {
  return (job, progress) => {
    // A crash report tells the environment of each thread by itself, and secrets of the configuration stand there.
    const execArgv = ['--report-exclude-env'];
    const workerData = { simulation: { url, key, job } };
    const worker = new Worker(new URL(import.meta.url), { workerData, execArgv, resourceLimits: MEMORY });
    // A gateway that stops does not wait for what nobody will read.
    worker.unref();
    const done = new Promise<SimulationResult>((resolve, reject) => {
      worker.on('message', (told: Told) => {
        if (told.kind === 'progress') progress(told.progress);
        else if (told.kind === 'done') resolve(told.result);
        else reject(new Error(told.reason));
      });
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('the thread of the simulation ended')));
    });
    return { done, cancel: () => void worker.terminate() };
  };
}

if (!isMainThread && parentPort !== null && workerData?.simulation !== undefined) {
  const port = parentPort;
  const tell = (told: Told): void => port.postMessage(told);
  tell(await work(workerData.simulation as Given, tell));
}

async function work({ url, key, job }: Given, tell: (told: Told) => void): Promise<Told> {
  if (process.platform === 'linux') setPriority(NICE);
  try {
    const db = await openReading({ url, clock: systemClock });
    try {
      const grants = await readPastGrants(db, job.since);
      const parts = { archive: openArchive({ db, key }), records: openRecords(db), grants };
      return { kind: 'done', result: await simulate(parts, job, (progress) => tell({ kind: 'progress', progress })) };
    } finally {
      await db.close();
    }
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}
