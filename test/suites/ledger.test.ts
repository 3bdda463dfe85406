import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { type Ledger, verifyLog } from '../../src/controls/audit/index.ts';
import { sleep } from '../../src/core/clock.ts';
import type { Receipt } from '../../src/core/receipt.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type Database, openStateWatch } from '../../src/storage/index.ts';
import { onEveryDatabase, type Place } from '../support/databases.ts';
import { type Fault, type FaultPoint, withFaults } from '../support/faults.ts';
import {
  committed,
  exchange,
  exchanges,
  facts,
  intent,
  type LedgerAt,
  ledgerAt,
  ledgerMigrations,
  outcome,
  scratchFolder,
} from '../support/ledger.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

type Opened = { db: Database; ledger: Ledger; folder: string; faults: (point: FaultPoint) => readonly Fault[] };

/** A ledger whose database can be made to fail. */
async function opened(place: Place, options: Partial<LedgerAt> = {}) {
  const fresh = await place.fresh(ledgerMigrations);
  const folder = scratchFolder(undo);
  const opened = { db: fresh.db, folder, faults: () => [] } as unknown as Opened;
  const db = withFaults(fresh.db, systemClock, (point) => opened.faults(point));
  opened.ledger = await ledgerAt({ db, folder, report: () => {}, ...options });
  undo.push(() => opened.ledger.close());
  return { ...fresh, opened, folder, ledger: opened.ledger };
}

async function all(ledger: Ledger): Promise<Receipt[]> {
  await ledger.drain();
  const { receipts } = await ledger.feed(-1, 10_000);
  return receipts.map(({ receipt }) => receipt);
}

const kinds = (receipts: readonly Receipt[]) => receipts.map(({ kind }) => kind);

onEveryDatabase('ledger', (place) => {
  test('an exchange is an intent and an outcome, in order, gapless, each naming the one before', async () => {
    const { ledger } = await opened(place);
    const receipt = await exchange(ledger);
    const [first, second] = await all(ledger);
    assert.equal(first?.id, receipt);
    assert.deepEqual([first?.kind, second?.kind], ['intent', 'outcome']);
    assert.deepEqual([first?.n, second?.n, first?.prev], [0, 1, null]);
    assert.match(second?.prev ?? '', /^[0-9a-f]{64}$/);
    assert.equal((second as { intent?: string }).intent, receipt);
  });

  test('hundreds at once share commits and each gets its own receipt', async () => {
    const { ledger, folder } = await opened(place);
    const receipts = await exchanges(ledger, 300, 300);
    assert.equal(new Set(receipts).size, 300);
    const logged = await all(ledger);
    assert.equal(logged.length, 600);
    assert.deepEqual(
      logged.map(({ n }) => n),
      Array.from({ length: 600 }, (_, at) => at),
    );
    const seen = ledger.checkpoint();
    const report = await verifyLog(folder, { seen });
    assert.deepEqual(
      { verdict: report.verdict, size: report.size, open: report.open_intents },
      { verdict: 'verified', size: 600, open: 0 },
      JSON.stringify(report.problems),
    );
  });

  test('an item that was decided under other rules is stale, the others commit, and its proof is still good', async () => {
    let version = 1;
    const { ledger } = await opened(place, { stateVersion: async () => version });
    version = 2;
    const proof = { jkt: 'key', jti: 'one', expires_at: 0 };
    const [stale, fresh] = await Promise.all([
      ledger.intent(intent({ claims: { proof }, decided_under: 1 })),
      ledger.intent(intent({ decided_under: 2 })),
    ]);
    assert.deepEqual(stale, { kind: 'stale' });
    assert.equal(fresh.kind, 'committed');
    const again = await ledger.intent(intent({ claims: { proof }, decided_under: 2 }));
    assert.equal(again.kind, 'committed');
  });

  test('a proof is accepted once, in one group or in many', async () => {
    const { ledger } = await opened(place);
    const proof = { jkt: 'key', jti: 'one', expires_at: 0 };
    const draft = () => ledger.intent(intent({ claims: { proof } }));
    const together = await Promise.all([draft(), draft(), draft()]);
    const later = await draft();
    const results = [...together, later].map((result) => (isRefusal(result) ? result.code : result.kind));
    assert.deepEqual(results.toSorted(), ['committed', 'proof_replayed', 'proof_replayed', 'proof_replayed']);
    assert.deepEqual(kinds(await all(ledger)), ['intent'], 'what was refused left no intent');
  });

  test('no intent commits between a change of the rules and its taking effect', async () => {
    const { db, ledger } = await (async () => {
      const fresh = await place.fresh(ledgerMigrations);
      const watch = openStateWatch({ db: fresh.db, clock: systemClock });
      const folder = scratchFolder(undo);
      const ledger = await ledgerAt({
        db: fresh.db,
        folder,
        stateVersion: (tx) => watch.confirm(tx),
        report: () => {},
      });
      undo.push(() => ledger.close());
      return { db: fresh.db, ledger };
    })();
    const watch = openStateWatch({ db, clock: systemClock });
    const before = await ledger.intent(intent({ decided_under: 1 }));
    assert.equal(before.kind, 'committed');
    let revoked = 0;
    const kill = db.transaction(async (tx) => {
      await watch.bump(tx, 'stops');
      await sleep(systemClock, 30);
    });
    void kill.then(() => {
      revoked = performance.now();
    });
    await sleep(systemClock, 10);
    const during = await ledger.intent(intent({ decided_under: 1 }));
    await kill;
    // SQLite lets it in before the change or after; PostgreSQL makes it wait. Never an intent after the change is done.
    if (during.kind === 'committed') assert.ok(revoked === 0 || revoked >= performance.now() - 1);
    assert.deepEqual(await ledger.intent(intent({ decided_under: 1 })), { kind: 'stale' });
  });

  test('an exchange has one outcome', async () => {
    const { ledger } = await opened(place);
    const receipt = await committed(ledger);
    const both = await Promise.all([ledger.outcome(outcome(receipt)), ledger.outcome(outcome(receipt))]);
    assert.equal(both.filter((result) => typeof result === 'string').length, 1);
    assert.ok(isRefusal(await ledger.outcome(outcome(receipt))));
    assert.ok(isRefusal(await ledger.outcome(outcome('rcp_00000000000000000000000000'))));
    assert.deepEqual(kinds(await all(ledger)), ['intent', 'outcome']);
  });

  test('a control receipt lives and dies with the change that it is about', async () => {
    const { db, ledger } = await opened(place);
    const control = { event: 'agent.add', by: 'local', subject: 'triage', before: null, after: null } as const;
    const kept = await db.transaction((tx) => ledger.control(tx, control));
    await assert.rejects(
      db.transaction(async (tx) => {
        await ledger.control(tx, control);
        throw new Error('no');
      }),
    );
    const alone = await ledger.control(undefined, { ...control, event: 'agent.remove' });
    const receipts = await all(ledger);
    assert.deepEqual(
      receipts.map(({ id }) => id),
      [kept, alone],
    );
    assert.deepEqual(
      receipts.map(({ n }) => n),
      [0, 1],
      'the place of the one that was rolled back was taken again',
    );
  });

  test('control receipts in long transactions and intents side by side stay gapless and chained', async () => {
    const { db, ledger, folder } = await opened(place);
    const control = { event: 'stop.set', by: 'local', subject: 'triage', before: null, after: null } as const;
    const changes = Array.from({ length: 12 }, async (_, at) => {
      const change = db.transaction(async (tx) => {
        await ledger.control(tx, control);
        await sleep(systemClock, 2);
        if (at % 3 === 0) throw new Error('no');
      });
      await change.catch(() => {});
      await exchange(ledger);
    });
    await Promise.all(changes);
    const receipts = await all(ledger);
    assert.equal(receipts.length, 8 + 24);
    const report = await verifyLog(folder, { seen: ledger.checkpoint() });
    assert.equal(report.verdict, 'verified', JSON.stringify(report.problems));
  });

  test('refusals after identity and holds have receipts of their own, as far as the pass came', async () => {
    const { ledger } = await opened(place);
    const checks = [{ stage: 'decide', verdict: 'refuse', us: 5 }] as const;
    const { agent, run } = facts();
    const early = await ledger.refusal({ kind: 'refusal', code: 'run_ended', facts: { agent, run }, checks });
    const late = await ledger.refusal({
      kind: 'hold',
      code: 'approval_unavailable',
      facts: facts(),
      checks,
      payload: 1,
    });
    const [first, second] = (await all(ledger)) as [Receipt, Receipt];
    assert.deepEqual([first.id, second.id], [early, late]);
    assert.deepEqual([first.kind, second.kind], ['refusal', 'hold']);
    assert.equal((first as { payload: unknown }).payload, null);
    assert.match((second as { payload: string }).payload, /^[0-9a-f]{64}$/);
  });

  test('strangers are counted, not listed', async () => {
    const { ledger } = await opened(place);
    for (let at = 0; at < 500; at += 1) ledger.flood({ code: 'token_unknown', source: `192.0.2.${at % 5}` });
    for (let at = 0; at < 500; at += 1)
      ledger.flood({ code: 'rate_limited', source: `2001:db8:${at.toString(16)}::/64` });
    const floods = (await all(ledger)) as (Receipt & { kind: 'flood' })[];
    assert.ok(floods.every(({ kind }) => kind === 'flood'));
    assert.ok(floods.length <= 2 * 66, `${floods.length} receipts for a thousand refusals`);
    assert.equal(
      floods.reduce((sum, { count }) => sum + count, 0),
      1_000,
      'none is lost',
    );
  });

  test('while the log cannot be written nothing is permitted, and the gap is stated afterwards', async () => {
    const { ledger, opened: at } = await opened(place);
    await exchange(ledger);
    at.faults = (point) => (point.at === 'commit' || point.at === 'query' ? [{ kind: 'fail' }] : []);
    const denied = await ledger.intent(intent());
    assert.ok(isRefusal(denied) && denied.code === 'log_unavailable');
    const refused = { kind: 'refusal', code: 'log_unavailable', facts: facts(), checks: [] } as const;
    for (let count = 0; count < 3; count += 1) assert.equal(await ledger.refusal(refused), undefined);
    assert.equal(ledger.status().state, 'unavailable');
    at.faults = () => [];
    await exchange(ledger);
    assert.equal(ledger.status().state, 'writing');
    const receipts = await all(ledger);
    assert.deepEqual(kinds(receipts), ['intent', 'outcome', 'gap', 'intent', 'outcome']);
    assert.equal((receipts[2] as { count?: number }).count, 3);
  });

  test('an outcome that cannot be written is insisted on', async () => {
    const { ledger, opened: at } = await opened(place);
    const receipt = await committed(ledger);
    at.faults = (point) => (point.at === 'commit' ? [{ kind: 'fail' }] : []);
    assert.ok(isRefusal(await ledger.outcome(outcome(receipt))));
    at.faults = () => [];
    await sleep(systemClock, 400);
    assert.deepEqual(kinds(await all(ledger)), ['intent', 'outcome']);
  });

  test('a commit whose answer is lost is looked up: no receipt twice, none lost, none left open', async () => {
    const { ledger, opened: at, folder } = await opened(place);
    const receipt = await committed(ledger);
    at.faults = (point) => (point.at === 'commit' ? [{ kind: 'lose_answer' }] : []);
    assert.ok(isRefusal(await ledger.outcome(outcome(receipt))));
    const lost = await ledger.intent(intent());
    assert.ok(isRefusal(lost) && lost.code === 'log_unavailable', 'what is not certain is not permitted');
    at.faults = () => [];
    await sleep(systemClock, 700);
    const receipts = await all(ledger);
    assert.deepEqual(kinds(receipts), ['intent', 'outcome', 'intent', 'outcome']);
    assert.equal((receipts[3] as { outcome?: string }).outcome, 'unknown');
    const report = await verifyLog(folder, { seen: ledger.checkpoint() });
    assert.deepEqual([report.verdict, report.open_intents], ['verified', 0], JSON.stringify(report.problems));
  });

  test('a receipt that cannot be written at all fails alone; its exchange is unknown', async () => {
    const { ledger } = await opened(place);
    const bent = intent({ facts: facts({ operation: 'tools/\ud800' }) });
    const results = await Promise.all([ledger.intent(intent()), ledger.intent(bent), ledger.intent(intent())]);
    const kindsOf = results.map((result) => (isRefusal(result) ? result.code : result.kind));
    assert.deepEqual(kindsOf, ['committed', 'log_unavailable', 'committed']);
    const [first, , last] = results.map((result) => (result.kind === 'committed' ? result.receipt : ''));
    const outcomes = [ledger.outcome(outcome(first!, { stop_cause: '\udfff' })), ledger.outcome(outcome(last!))];
    assert.ok(isRefusal(await outcomes[0]));
    assert.ok(!isRefusal(await outcomes[1]));
    await sleep(systemClock, 400);
    const receipts = await all(ledger);
    assert.deepEqual(kinds(receipts), ['intent', 'intent', 'outcome', 'outcome']);
    const said = receipts.find((receipt) => 'intent' in receipt && receipt.intent === first) as
      | { outcome?: string }
      | undefined;
    assert.equal(said?.outcome, 'unknown');
  });

  test('a story has the exchange by any of its receipts, its children and what took it up', async () => {
    const { ledger } = await opened(place);
    const parent = await committed(ledger);
    const child = await exchange(ledger, intent({ facts: facts({ parent, operation: 'sampling/createMessage' }) }));
    const done = await ledger.outcome(outcome(parent, { payload: { answer: 42 } }));
    const next = await exchange(ledger, intent({ facts: facts({ continues: parent }) }));
    await ledger.drain();
    for (const id of [parent, done as string]) {
      const story = await ledger.story(id, { reader: 'person:auditor' });
      assert.deepEqual(
        story?.receipts.map(({ receipt }) => receipt.id),
        [parent, done],
      );
      assert.deepEqual([story?.children, story?.continued_by], [[child], [next]]);
      assert.deepEqual(story?.receipts[0]?.payload, {
        kind: 'open',
        names: [{ type: 'Tool', id: 'files/read_file' }],
        value: { path: 'reports/q3.txt' },
      });
      assert.deepEqual(story?.receipts[1]?.payload, { kind: 'open', names: null, value: { answer: 42 } });
      assert.equal(story?.receipts[0]?.index, 0);
    }
    assert.equal(await ledger.story('rcp_00000000000000000000000000'), undefined);
  });

  test('payloads are shut without a reader; with one, a receipt of the reading stands before', async () => {
    const { ledger } = await opened(place);
    const receipt = await exchange(ledger);
    await ledger.drain();
    const shut = await ledger.story(receipt);
    assert.deepEqual([shut?.receipts[0]?.payload.kind, shut?.read_under], ['shut', null]);
    const feed = await ledger.feed(-1, 10);
    assert.deepEqual(
      feed.receipts.map(({ payload }) => payload.kind),
      ['shut', 'none'],
    );
    const read = await ledger.story(receipt, { reader: 'person:auditor' });
    const page = await ledger.latest(Number.POSITIVE_INFINITY, 10, { reader: 'person:auditor' });
    const reads = (await all(ledger)).filter(({ kind }) => kind === 'control');
    assert.deepEqual(
      reads.map(({ id }) => id),
      [read?.read_under, page.read_under],
    );
    assert.deepEqual(
      reads.map((control) => (control as { event?: string; by?: string }).by),
      ['person:auditor', 'person:auditor'],
    );
  });

  test('erasing destroys the payload, for good and on the record, and the log still verifies', async () => {
    const { ledger, folder, db } = await opened(place);
    const [gone, kept] = [await exchange(ledger), await exchange(ledger)];
    await ledger.drain();
    const seen = ledger.checkpoint();
    assert.equal(await ledger.erase([gone], 'person:officer'), 1);
    assert.equal(await ledger.erase([gone], 'person:officer'), 0, 'there was nothing left');
    const read = async (id: string) =>
      (await ledger.story(id, { reader: 'person:auditor' }))?.receipts[0]?.payload.kind;
    assert.deepEqual([await read(gone), await read(kept)], ['erased', 'open']);
    const [row] = await db.query('select seed from audit_receipts where id = $1', [gone]);
    assert.equal(row?.['seed'], null);
    const erasures = (await all(ledger)).filter((receipt) => 'event' in receipt && receipt.event === 'payload.erase');
    assert.equal(erasures.length, 2);
    const report = await verifyLog(folder, { seen });
    assert.equal(report.verdict, 'verified', JSON.stringify(report.problems));
  });

  test('the feed is in the order of the log, pages join without seam, and the newest come first on demand', async () => {
    const { ledger } = await opened(place);
    for (let count = 0; count < 6; count += 1) {
      await exchanges(ledger, 7);
      await ledger.drain();
    }
    const whole = (await ledger.feed(-1, 1_000)).receipts.map(({ index }) => index);
    assert.deepEqual(
      whole,
      Array.from({ length: 84 }, (_, at) => at),
    );
    const pages: (number | null)[] = [];
    for (let after = -1; ; ) {
      const { receipts } = await ledger.feed(after, 10);
      if (receipts.length === 0) break;
      pages.push(...receipts.map(({ index }) => index));
      after = receipts.at(-1)!.index!;
    }
    assert.deepEqual(pages, whole);
    const newest: (number | null)[] = [];
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      const { receipts } = await ledger.latest(before, 9);
      if (receipts.length === 0) break;
      newest.push(...receipts.map(({ index }) => index));
      before = receipts.at(-1)!.index!;
    }
    assert.deepEqual(newest, whole.toReversed());
    assert.deepEqual((await ledger.feed(83, 10)).receipts, []);
  });

  test('growth is announced and a checkpoint follows within a second', async () => {
    const { ledger, folder } = await opened(place);
    const sizes: number[] = [];
    ledger.onGrowth((size) => sizes.push(size));
    await exchange(ledger);
    await sleep(systemClock, 900);
    assert.equal(sizes.at(-1), 2);
    assert.equal(readFileSync(join(folder, 'checkpoint'), 'utf8'), ledger.checkpoint());
    assert.match(ledger.checkpoint() ?? '', /^sallyport\.test\/log\n2\n/);
  });

  test('a stopped gateway starts again and goes on; what it left open is unknown', async () => {
    const { ledger, folder, db } = await opened(place);
    await exchanges(ledger, 20);
    const open = await committed(ledger);
    await ledger.close();
    const kept = ledger.checkpoint();
    const again = await ledgerAt({ db, folder, report: () => {} });
    undo.push(() => again.close());
    await exchange(again);
    const receipts = await all(again);
    const last = receipts.find((receipt) => 'intent' in receipt && receipt.intent === open);
    assert.equal((last as { outcome?: string }).outcome, 'unknown');
    assert.deepEqual(
      receipts.slice(-2).map(({ epoch, n }) => [epoch, n]),
      [
        [2, 0],
        [2, 1],
      ],
    );
    const report = await verifyLog(folder, { seen: kept });
    assert.deepEqual([report.verdict, report.open_intents], ['verified', 0], JSON.stringify(report.problems));
  });
});
