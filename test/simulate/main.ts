import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { BUGS, type Bug } from './bugs.ts';
import { simulate, type Verdict } from './simulate.ts';

const USAGE = `npm run simulate -- --seed N [--verbose] [--bug NAME]     one world, and the same again
npm run simulate -- --seeds COUNT [--from N] [--bug NAME]  many, on all cores

Bugs, planted from outside: ${Object.keys(BUGS).join(', ')}`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    bug: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function bugNamed(name: string | undefined): Bug | undefined {
  if (name === undefined || name in BUGS) return name as Bug | undefined;
  throw new Error(`there is no bug ${name}\n\n${USAGE}`);
}

async function one(seed: number, bug: Bug | undefined): Promise<boolean> {
  const told = values.verbose ? (line: string) => void process.stdout.write(line) : undefined;
  const first = await simulate(seed, { bug, told });
  const again = await simulate(seed, { bug });
  print(first);
  if (again.digest !== first.digest) {
    console.error(`seed ${seed} does not replay: ${first.digest}, then ${again.digest}`);
    return false;
  }
  console.log('replayed: the same, event by event');
  return first.violation === undefined;
}

function print({ seed, violation, digest, events, ended_at, counts }: Verdict): void {
  const line = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  console.log(`seed ${seed}: ${violation ?? 'holds'}`);
  console.log(`  ${digest}, ${events} events in ${(ended_at / 1000).toFixed(1)} s: ${line.join(', ')}`);
}

async function many(count: number, from: number, bug: Bug | undefined): Promise<boolean> {
  const started = performance.now();
  const workers = Math.max(1, Math.min(availableParallelism(), count));
  const totals: Record<string, number> = {};
  const broken: Verdict[] = [];
  await Promise.all(
    Array.from({ length: workers }, (_, at) =>
      work({ from: from + at, step: workers, until: from + count, bug }, (verdict) => {
        for (const [name, value] of Object.entries(verdict.counts)) totals[name] = (totals[name] ?? 0) + value;
        if (verdict.violation === undefined) return;
        broken.push(verdict);
        console.log(`seed ${verdict.seed}: ${verdict.violation}\n  npm run simulate -- --seed ${verdict.seed}`);
      }),
    ),
  );
  const line = Object.entries(totals).map(([name, value]) => `${value} ${name}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${count} seeds from ${from} in ${seconds} s, ${broken.length} broken: ${line.join(', ')}`);
  return broken.length === 0;
}

type Share = { from: number; step: number; until: number; bug: Bug | undefined };

/** Every n-th seed in a process of its own. A share that ends early is a failure, not a pass. */
function work(share: Share, done: (verdict: Verdict) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, [], {
      env: { ...process.env, SALLYPORT_SIMULATE: JSON.stringify(share) },
    });
    child.on('message', (verdict: Verdict) => done(verdict));
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a share of the seeds ended with ${code}`))));
  });
}

async function workOn({ from, step, until, bug }: Share): Promise<void> {
  for (let seed = from; seed < until; seed += step) {
    const verdict = await simulate(seed, { bug });
    await new Promise<void>((resolve, reject) => {
      process.send!(verdict, (error: Error | null) => (error === null ? resolve() : reject(error)));
    });
  }
  process.disconnect?.();
}

const share = process.env['SALLYPORT_SIMULATE'];
if (share !== undefined) await workOn(JSON.parse(share) as Share);
else if (values.help || (values.seed === undefined && values.seeds === undefined)) console.log(USAGE);
else {
  const bug = bugNamed(values.bug);
  const isFine =
    values.seed === undefined
      ? await many(Number(values.seeds), Number(values.from), bug)
      : await one(Number(values.seed), bug);
  process.exitCode = isFine ? 0 : 1;
}
