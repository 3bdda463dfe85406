import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { PolicyParts } from '../open.ts';
import { readActive } from '../store.ts';
import { needsAnother } from './activation.ts';
import { mustPass } from './candidate.ts';
import { change } from './change.ts';
import * as store from './store.ts';
import type { StoredFolder } from './versions.ts';

const ALL_PPM = 1_000_000;

type Asked = { set: StoredFolder | undefined; share_ppm: number; by: string; why: string };

/** Starts a canary, changes its share, or drops it. It decides for real, so it takes what activating takes. */
export function setCanary(parts: PolicyParts, asked: Asked): Promise<store.CanaryRow | undefined | Refusal> {
  return asked.share_ppm === 0 ? drop(parts, asked) : start(parts, asked);
}

async function drop(parts: PolicyParts, { by, why }: Asked): Promise<undefined | Refusal> {
  const done = await change(parts, async (tx) => {
    const before = await store.dropCanary(tx);
    if (before === undefined) return refuse('not_found', 'there is no canary', { public: 'There is no canary.' });
    await parts.record(tx, { event: 'policy.canary', by, subject: before, before, after: null, payload: { why } });
    return undefined;
  });
  return isRefusal(done) ? done : undefined;
}

function start(parts: PolicyParts, { set, share_ppm, by, why }: Asked): Promise<store.CanaryRow | Refusal> {
  const invalid = (sentence: string) => Promise.resolve(refuse('input_invalid', sentence, { public: sentence }));
  if (!Number.isInteger(share_ppm) || share_ppm < 0 || share_ppm > ALL_PPM) {
    return invalid('A share is more than 0 % and at most 100 % of the agents.');
  }
  if (set === undefined) return invalid('Say which set is to decide for that share.');
  const failed = mustPass(set);
  if (failed !== undefined) return Promise.resolve(failed);
  return change(parts, async (tx) => {
    const same = 'This set is active already: it decides for everybody.';
    if ((await readActive(tx))?.digest === set.digest) return refuse('input_invalid', same, { public: same });
    const alone = await needsAnother(parts, tx, set.digest, by);
    if (alone !== undefined) return alone;
    const before = await store.readCanary(tx);
    const row = { digest: set.digest, share_ppm, started_by: by, why, started_at: await tx.now() };
    await store.writeCanary(tx, row);
    await parts.record(tx, {
      event: 'policy.canary',
      by,
      subject: set.digest,
      before: before?.digest ?? null,
      after: set.digest,
      payload: { why, share_ppm },
    });
    return row;
  });
}
