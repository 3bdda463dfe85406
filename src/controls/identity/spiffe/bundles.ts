import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
import { isRefusal } from '../../../core/refusal.ts';
import { BUNDLE_BYTES_MAX, type Bundle, readBundle } from './bundle.ts';

const REFRESH_SECONDS_LEAST = 30;
const REFRESH_SECONDS_USUAL = 300;
const REFRESH_SECONDS_MOST = 3_600;
/** After a failure, and how often a file is looked at. */
const AGAIN_SECONDS = 30;

export type FederatedParts = {
  clock: Clock;
  documents: Documents;
  /** Where each trust domain's bundle is: an https address, or an absolute path. */
  sources: Readonly<Record<string, string>>;
  changed(): void;
  report(problem: string, error: unknown): void;
};

export type FederatedEntry = {
  trust_domain: string;
  source: string;
  read_at: number | null;
  /** Why the last reading failed; null where it did not. */
  problem: string | null;
};

export interface Federated {
  bundles(): readonly Bundle[];
  of(trust_domain: string): Bundle | undefined;
  list(): readonly FederatedEntry[];
  close(): void;
}

type Source = FederatedEntry & { bundle: Bundle | undefined; cancel(): void };

/**
 * Bundles of other trust domains, by the name that the operator gave: a bundle speaks for that domain alone, whatever
 * stands in it. One that cannot be read again goes on counting as long as its authorities live; none goes back to an
 * older sequence, which would bring back what its domain has withdrawn.
 */
export async function openFederated(parts: FederatedParts): Promise<Federated> {
  const sources = Object.entries(parts.sources).map(
    ([trust_domain, source]): Source => ({
      trust_domain,
      source,
      read_at: null,
      problem: null,
      bundle: undefined,
      cancel: () => undefined,
    }),
  );
  let closed = false;
  const read = async (source: Source): Promise<void> => {
    const problem = await refresh(source, parts);
    if (problem !== undefined && problem !== source.problem) {
      parts.report(`the bundle of ${source.trust_domain} could not be read`, problem);
    }
    source.problem = problem ?? null;
    if (closed) return;
    const wait_s = problem === undefined ? waitOf(source) : AGAIN_SECONDS;
    source.cancel = parts.clock.after(wait_s * 1000, () => void read(source));
  };
  await Promise.all(sources.map(read));
  const bundles = (): readonly Bundle[] => sources.flatMap(({ bundle }) => bundle ?? []);
  return {
    bundles,
    of: (trust_domain) => sources.find((source) => source.trust_domain === trust_domain)?.bundle,
    list: () =>
      sources.map(({ trust_domain, source, read_at, problem }) => ({ trust_domain, source, read_at, problem })),
    close() {
      closed = true;
      for (const { cancel } of sources) cancel();
    },
  };
}

function waitOf({ source, bundle }: Source): number {
  if (!isAddress(source)) return AGAIN_SECONDS;
  const hint = bundle?.refresh_seconds ?? REFRESH_SECONDS_USUAL;
  return Math.min(Math.max(hint, REFRESH_SECONDS_LEAST), REFRESH_SECONDS_MOST);
}

function isAddress(source: string): boolean {
  return source.startsWith('https://');
}

/** @returns why not, where it could not be read. */
async function refresh(source: Source, parts: FederatedParts): Promise<string | undefined> {
  const text = isAddress(source.source) ? await fetched(source.source, parts.documents) : fromFile(source.source);
  if ('problem' in text) return text.problem;
  const bundle = readBundle(text.text, source.trust_domain);
  if (typeof bundle === 'string') return bundle;
  const before = source.bundle?.sequence;
  if (before !== undefined && bundle.sequence !== undefined && bundle.sequence < before) {
    return `its sequence went back from ${before} to ${bundle.sequence}`;
  }
  source.bundle = bundle;
  source.read_at = parts.clock.now();
  parts.changed();
  return undefined;
}

type Text = { text: string } | { problem: string };

async function fetched(url: string, documents: Documents): Promise<Text> {
  const answer = await documents.configured({ addresses: [url] })(url, { bytes_max: BUNDLE_BYTES_MAX });
  if (isRefusal(answer)) return { problem: answer.reason };
  if (answer.status !== 200) return { problem: `its address answered ${answer.status}` };
  return { text: Buffer.from(answer.body).toString('utf8') };
}

function fromFile(path: string): Text {
  try {
    if (statSync(path).size > BUNDLE_BYTES_MAX) return { problem: `it has more than ${BUNDLE_BYTES_MAX} bytes` };
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
