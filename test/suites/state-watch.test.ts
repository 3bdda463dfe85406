import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../src/core/clock.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type Database, LEASE_MS, openStateWatch, type StateWatch } from '../../src/storage/index.ts';
import { onEveryDatabase, type Place } from '../support/databases.ts';
import { type Fault, withFaults } from '../support/faults.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

/** A watch on a clock of the test's own; the database keeps real time where it has a clock of its own. */
async function watched(
  place: Place,
): Promise<{ db: Database; clock: ManualClock; watch: StateWatch; faults: Fault[] }> {
  const { db } = await place.fresh([]);
  const clock = new ManualClock(Date.now());
  const faults: Fault[] = [];
  const watch = openStateWatch({ db: withFaults(db, clock, () => faults), clock });
  return { db, clock, watch, faults };
}

function reasonOf(watch: StateWatch): string {
  const lease = watch.lease();
  return lease.held ? 'held' : lease.reason;
}

onEveryDatabase('state watch', (place) => {
  test('holds no lease before the first poll and after stop', async () => {
    const { watch } = await watched(place);
    assert.equal(watch.leased(), false);
    assert.equal(watch.version(), 0);
    await watch.start();
    assert.equal(watch.leased(), true);
    assert.equal(watch.version(), 1);
    watch.stop();
    assert.equal(watch.leased(), false);
    assert.match(reasonOf(watch), /stopped/);
    await watch.poll();
    assert.equal(watch.leased(), false, 'a poll after stop gives no lease');
  });

  test('counts every bump and names the topics that changed', async () => {
    const { db, watch } = await watched(place);
    const seen: [number, string[]][] = [];
    watch.onChange((version, topics) => void seen.push([version, [...topics].sort()]));
    await watch.start();
    const first = await db.transaction((tx) => watch.bump(tx, 'policy'));
    await watch.poll();
    await db.transaction(async (tx) => {
      await watch.bump(tx, 'stops');
      await watch.bump(tx, 'agents');
    });
    await watch.poll();
    await watch.poll();
    assert.equal(first, 2);
    assert.deepEqual(seen, [
      [1, []],
      [2, ['policy']],
      [4, ['agents', 'stops']],
    ]);
    assert.equal(watch.version(), 4);
    watch.stop();
  });

  test('does not count a bump that was rolled back', async () => {
    const { db, watch } = await watched(place);
    await watch.start();
    const work = db.transaction(async (tx) => {
      await watch.bump(tx, 'policy');
      throw new Error('no');
    });
    await assert.rejects(work);
    await watch.poll();
    assert.equal(watch.version(), 1);
    assert.equal(await db.transaction((tx) => watch.confirm(tx)), 1);
    watch.stop();
  });

  test('advances only when every listener has finished', async () => {
    const { db, watch } = await watched(place);
    await watch.start();
    let release = (): void => {};
    let first = true;
    watch.onChange(() => {
      if (!first) return;
      first = false;
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    await db.transaction((tx) => watch.bump(tx, 'policy'));
    const poll = watch.poll();
    await until(() => !first);
    assert.equal(watch.version(), 1);
    release();
    await poll;
    assert.equal(watch.version(), 2);
    watch.stop();
  });

  test('a listener that fails costs the lease and is asked again', async () => {
    const { db, clock, watch } = await watched(place);
    await watch.start();
    let broken = true;
    let asked = 0;
    watch.onChange(() => {
      asked++;
      if (broken) throw new Error('cannot read the policy');
    });
    await db.transaction((tx) => watch.bump(tx, 'policy'));
    await watch.poll();
    assert.equal(watch.version(), 1);
    await passing(clock, LEASE_MS);
    await watch.poll();
    assert.equal(watch.leased(), false);
    assert.match(reasonOf(watch), /cannot read the policy/);
    broken = false;
    await watch.poll();
    assert.equal(watch.leased(), true);
    assert.equal(watch.version(), 2);
    assert.ok(asked >= 3);
    watch.stop();
  });

  test('a listener that never finishes neither holds the lease nor the watch for ever', async () => {
    const { db, clock, watch } = await watched(place);
    await watch.start();
    let stuck = true;
    watch.onChange(() => (stuck ? new Promise(() => {}) : undefined));
    await db.transaction((tx) => watch.bump(tx, 'policy'));
    const poll = watch.poll();
    await until(async () => {
      await clock.advance(1_000);
      return (await Promise.race([poll.then(() => 'done'), settle().then(() => 'open')])) === 'done';
    });
    assert.equal(watch.leased(), false);
    stuck = false;
    await until(async () => {
      await clock.advance(1_000);
      return watch.version() === 2;
    });
    watch.stop();
  });

  test('the lease runs from when the poll was sent, not from when it was answered', async () => {
    const { clock, watch, faults } = await watched(place);
    await watch.poll();
    // Two requests make a poll: half a second on its way.
    faults.push({ kind: 'delay', ms: 250 });
    const poll = watch.poll();
    await until(async () => {
      await clock.advance(250);
      await quiet(place);
      return (await Promise.race([poll.then(() => 'done'), settle().then(() => 'open')])) === 'done';
    });
    await clock.advance(LEASE_MS - clock.monotonic() - 1);
    assert.equal(watch.leased(), true);
    await clock.advance(1);
    assert.equal(watch.leased(), false);
  });

  test('without an answer the lease lapses after a second, and comes back with one', async () => {
    const { clock, watch, faults } = await watched(place);
    await watch.start();
    faults.push({ kind: 'fail' });
    await clock.advance(LEASE_MS - 1);
    assert.equal(watch.leased(), true);
    await clock.advance(1);
    assert.equal(watch.leased(), false);
    assert.match(reasonOf(watch), /did not arrive|succeeded/);
    faults.splice(0);
    await watch.poll();
    assert.equal(watch.leased(), true);
    watch.stop();
  });

  test('a poll that hangs is given up, so that the next can be sent', async () => {
    const { clock, watch, faults } = await watched(place);
    await watch.start();
    faults.push({ kind: 'delay', ms: 60_000 });
    const poll = watch.poll();
    await settle();
    faults.splice(0);
    await clock.advance(LEASE_MS);
    await poll;
    await watch.poll();
    assert.equal(watch.leased(), true);
    watch.stop();
  });

  test('polls by itself', async () => {
    const { db, clock, watch, faults } = await watched(place);
    await watch.start();
    faults.push({ kind: 'lose_hint' });
    await db.query(`update state set version = version + 1 where topic = '*'`);
    await until(async () => {
      await clock.advance(250);
      await quiet(place);
      return watch.version() === 2;
    });
    assert.equal(watch.leased(), true);
    watch.stop();
  });

  test('a database that went back denies', async () => {
    const { db, watch } = await watched(place);
    await watch.start();
    await db.transaction((tx) => watch.bump(tx, 'policy'));
    await watch.poll();
    await db.query(`update state set version = 1 where topic = '*'`);
    await watch.poll();
    assert.equal(watch.leased(), false);
    assert.match(reasonOf(watch), /went back from version 2 to 1/);
    watch.stop();
  });

  test('a database clock behind the last change denies until it has passed it', async () => {
    const { db, watch } = await watched(place);
    await watch.start();
    const now = await db.now();
    await db.query(`update state set changed_at = $1 where topic = '*'`, [now + 3_600_000]);
    await watch.poll();
    assert.equal(watch.leased(), false);
    assert.match(reasonOf(watch), /clock went back by 3\d{6} ms/);
    await db.query(`update state set changed_at = $1 where topic = '*'`, [now]);
    // What this replica has seen for itself stays: only the clock passing it would help.
    await watch.poll();
    assert.equal(watch.leased(), false);
    watch.stop();
  });

  test('confirm holds changes off until the transaction ends', async () => {
    const { db, again } = await place.fresh([]);
    const other = place.shared ? await again() : db;
    const [here, there] = [db, other].map((database) => openStateWatch({ db: database, clock: systemClock }));
    const order: string[] = [];
    let confirmed = (): void => {};
    const begun = new Promise<void>((resolve) => {
      confirmed = resolve;
    });
    const intent = db.transaction(async (tx) => {
      assert.equal(await here!.confirm(tx), 1);
      confirmed();
      await sleep(systemClock, 60);
      order.push('intent');
    });
    await begun;
    const change = other.transaction(async (tx) => {
      assert.equal(await there!.bump(tx, 'stops'), 2);
      order.push('change');
    });
    await Promise.all([intent, change]);
    assert.deepEqual(order, ['intent', 'change']);
    assert.equal(await db.transaction((tx) => here!.confirm(tx)), 2);
  });

  test('confirm waits for a change under way and sees it', async () => {
    const { db, again } = await place.fresh([]);
    const other = place.shared ? await again() : db;
    const watch = openStateWatch({ db, clock: systemClock });
    let bumped = (): void => {};
    const begun = new Promise<void>((resolve) => {
      bumped = resolve;
    });
    const change = other.transaction(async (tx) => {
      await openStateWatch({ db: other, clock: systemClock }).bump(tx, 'stops');
      bumped();
      await sleep(systemClock, 60);
    });
    await begun;
    const [version] = await Promise.all([db.transaction((tx) => watch.confirm(tx)), change]);
    assert.equal(version, 2);
  });

  test('two replicas learn of each other’s changes', async (context) => {
    if (!place.shared) return context.diagnostic('in memory there is one replica');
    const { db, again } = await place.fresh([]);
    const here = openStateWatch({ db, clock: systemClock });
    const there = openStateWatch({ db: await again(), clock: systemClock });
    await Promise.all([here.start(), there.start()]);
    const started = performance.now();
    await db.transaction((tx) => here.bump(tx, 'stops'));
    await until(() => there.version() === 2);
    const took = performance.now() - started;
    assert.ok(took < 1_000, `${took} ms`);
    here.stop();
    there.stop();
  });
});

/** Time passes in steps with which real answers can keep up. */
async function passing(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) await clock.advance(50);
}

/** A real server answers in real time. */
async function quiet(place: Place): Promise<void> {
  if (place.name === 'postgres') await sleep(systemClock, 25);
  await settle();
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await holds()) return;
    await sleep(systemClock, 10);
  }
  assert.fail('did not come true within three seconds');
}
