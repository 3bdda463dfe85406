import type { Archive, Archived, Ledger, LoggedReceipt } from '../controls/audit/index.ts';
import type { Records } from '../controls/identity/index.ts';
import {
  type Decided,
  decidedOf,
  type Recorded,
  type RecordedDecisions,
  readRecorded,
} from '../controls/policy/index.ts';

export type RecordedParts = {
  ledger: Pick<Ledger, 'story' | 'control'>;
  archive: Archive;
  /** Rows that receipts name, for one reading. */
  records: () => Records;
};

/** Entries of the log read at one time; between two pages whoever else is on this thread gets its turn. */
const ENTRIES_READ = 200;

/** Joins the log, which has what was asked, with identity, which has who asked, for policy, which decides it again. */
export function openRecorded(parts: RecordedParts): RecordedDecisions {
  return {
    async of(receipt, reader) {
      const story = await parts.ledger.story(receipt, { reader });
      const first = story?.receipts[0];
      return first && readOne(archivedOf(first), parts.records());
    },
    from: (receipt, content) => readOne({ receipt, open: () => content }, parts.records()),
    since: (time, reader) => readSince(parts, time, reader),
  };
}

async function* readSince({ ledger, archive, records }: RecordedParts, time: number, by: string) {
  await ledger.control(undefined, {
    event: 'payload.read',
    by,
    subject: `log:since:${time}`,
    before: null,
    after: null,
  });
  const [from, to] = [await archive.indexSince(time), await archive.size()];
  for await (const page of readDecisions(archive, records(), { from, to, time, entries: ENTRIES_READ })) {
    yield* page.decisions;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export type ReadRange = {
  /** Entries `from` to `to`, without it. */
  from: number;
  to: number;
  /** Those older than this are passed over. */
  time: number;
  /** Of which the payload is opened; all where it is not said. */
  wanted?: ((decided: Decided) => boolean) | undefined;
  /** Entries of a page. */
  entries: number;
};

/** Pages of decisions in the order of the log, with the place behind each. */
export async function* readDecisions(
  archive: Archive,
  records: Records,
  { from, to, time, wanted, entries }: ReadRange,
): AsyncGenerator<{ decisions: Recorded[]; read: number }> {
  const page = (index: number) => {
    const reading = archive.exchanges(index, Math.min(entries, to - index));
    // Whoever goes away before the end waits for no page any more.
    reading.catch(() => undefined);
    return reading;
  };
  let coming = from < to ? page(from) : undefined;
  for (let index = from; coming !== undefined; index += entries) {
    const archived = await coming;
    const next = index + entries;
    // A database elsewhere looks for the next page while this one is worked on.
    coming = next < to ? page(next) : undefined;
    const decisions: Recorded[] = [];
    for (const one of archived) {
      if (one.receipt.time < time) continue;
      const recorded = readOne(one, records, wanted);
      if (recorded !== undefined) decisions.push(recorded instanceof Promise ? await recorded : recorded);
    }
    yield { decisions, read: Math.min(next, to) - from };
  }
}

function readOne(
  { receipt, open }: Archived,
  records: Records,
  wanted?: ReadRange['wanted'],
): Recorded | Promise<Recorded> | undefined {
  const decided = decidedOf(receipt);
  if (decided === undefined || wanted?.(decided) === false) return undefined;
  return readRecorded(decided, open(), records);
}

function archivedOf({ receipt, payload }: LoggedReceipt): Archived {
  const open = () => (payload.kind === 'open' ? { names: payload.names, value: payload.value } : 'erased');
  return { receipt, open };
}
