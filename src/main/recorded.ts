import type { Archive, Archived, Ledger, LoggedReceipt } from '../controls/audit/index.ts';
import type { Records } from '../controls/identity/index.ts';
import { decidedOf, type Recorded, type RecordedDecisions, readRecorded } from '../controls/policy/index.ts';

export type RecordedParts = {
  ledger: Pick<Ledger, 'story' | 'control'>;
  archive: Archive;
  /** Rows that receipts name, for one reading. */
  records: () => Records;
};

/** Entries of the log read at one time. */
export const ENTRIES_READ = 1_000;

/** Joins the log, which has what was asked, with identity, which has who asked, for policy, which decides it again. */
export function openRecorded(parts: RecordedParts): RecordedDecisions {
  return {
    async of(receipt, reader) {
      const story = await parts.ledger.story(receipt, { reader });
      const first = story?.receipts[0];
      return first && readOne(archivedOf(first), parts.records());
    },
    from: (receipt, content) => readOne({ receipt, content }, parts.records()),
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
  yield* readDecisions(archive, records(), { from, to, time });
}

/** Entries `from` to `to`, without it; those older than `time` are passed over. */
export async function* readDecisions(
  archive: Archive,
  records: Records,
  { from, to, time }: { from: number; to: number; time: number },
): AsyncGenerator<Recorded> {
  for (let index = from; index < to; index += ENTRIES_READ) {
    for (const archived of await archive.exchanges(index, Math.min(ENTRIES_READ, to - index))) {
      if (archived.receipt.time < time) continue;
      const recorded = await readOne(archived, records);
      if (recorded !== undefined) yield recorded;
    }
  }
}

function readOne({ receipt, content }: Archived, records: Records): Recorded | Promise<Recorded> | undefined {
  const decided = decidedOf(receipt);
  return decided && readRecorded(decided, content, records);
}

function archivedOf({ receipt, payload }: LoggedReceipt): Archived {
  const content = payload.kind === 'open' ? { names: payload.names, value: payload.value } : 'erased';
  return { receipt, content };
}
