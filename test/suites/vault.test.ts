import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { identityMigrations, type NewVaultEntry, type VaultKeySource } from '../../src/controls/identity/index.ts';
import type { Run } from '../../src/core/principal.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { Secret } from '../../src/core/secret.ts';
import { openEgress } from '../../src/enforcement/index.ts';
import type { Database } from '../../src/storage/index.ts';
import { systemClock } from '../support/clock.ts';
import { onEveryDatabase } from '../support/databases.ts';
import { MovableClock, openReplica, type Replica } from '../support/identity.ts';
import { TokenEndpoint } from '../support/token-endpoint.ts';
import { vaultParts } from '../support/vault.ts';

const LIMIT = { timeout: 60_000 };
const MINUTE_MS = 60_000;
const BEARER: NewVaultEntry = { name: 'api', kind: 'bearer', agents: ['triage'], hosts: ['api.example.com'] };
const USE = { entry: 'api', server: 'api', to: { kind: 'http', url: 'https://api.example.com/mcp' } } as const;
const RUN = { agent: 'triage', job: 'support', subject: null } as Run;
const newKey = (): Secret<Uint8Array> => new Secret(new Uint8Array(randomBytes(32)));
const secret = (text: string): Secret => new Secret(text);

async function shown({ identity }: Replica, run: Run = RUN): Promise<string> {
  const credential = await identity.vault.credential({ ...USE, on: { run } });
  if (credential === undefined) return 'nothing';
  return isRefusal(credential) ? credential.code : (credential.headers['authorization']?.reveal() ?? 'no header');
}

onEveryDatabase('the vault', (place) => {
  const open = async (given: Partial<Parameters<typeof openReplica>[0]> & { db: Database }): Promise<Replica> =>
    openReplica({ issuer: 'http://127.0.0.1:1', ...given });

  test(
    'an entry is set, shown, rotated and removed, and each change has a receipt without the secret',
    LIMIT,
    async () => {
      const replica = await open({ db: (await place.fresh(identityMigrations)).db });
      const { vault } = replica.identity;
      assert.equal(await shown(replica), 'upstream_credential_missing');
      assert.ok(!isRefusal(await vault.set(BEARER, secret('first-secret'), 'person:ada')));
      assert.equal(await shown(replica), 'Bearer first-secret');
      assert.ok(!isRefusal(await vault.rotate('api', secret('second-secret'), 'person:ada')));
      assert.equal(await shown(replica), 'Bearer second-secret');
      assert.equal(await vault.remove('api', 'person:ada'), undefined);
      assert.equal(await shown(replica), 'upstream_credential_missing');
      for (const refused of [await vault.rotate('api', secret('third-secret'), 'x'), await vault.remove('api', 'x')])
        assert.ok(isRefusal(refused) && refused.code === 'not_found');
      const events = replica.recorded.filter(({ event }) => event.startsWith('vault.'));
      assert.deepEqual(
        events.map(({ event }) => event),
        ['vault.set', 'vault.rotate', 'vault.remove'],
      );
      assert.ok(!JSON.stringify(replica.recorded).includes('-secret'));
      await replica.identity.close();
    },
  );

  test('whatever is changed in the database, the entry does not open', LIMIT, async () => {
    const { db } = await place.fresh(identityMigrations);
    const replica = await open({ db });
    const { vault } = replica.identity;
    const set = () => vault.set(BEARER, secret('the-only-secret'), 'x');
    const other = await vault.set({ ...BEARER, name: 'other' }, secret('another-secret'), 'x');
    assert.ok(!isRefusal(other));
    const terms = (change: object) => `'${JSON.stringify({ ...JSON.parse(plainTerms), ...change })}'`;
    await set();
    const plainTerms = (await db.query<{ terms: string }>("select terms from identity_vault where name = 'api'"))[0]!
      .terms;
    const changes = [
      `terms = ${terms({ agents: ['*'] })}`,
      `terms = ${terms({ hosts: ['api.example.com', 'evil.example'] })}`,
      `terms = ${terms({ expires_at: 9_000_000_000_000 })}`,
      'version = version + 1',
      "kind = 'database_password'",
      `id = '${'ven_'.padEnd(30, '0')}'`,
      "sealed = (select sealed from identity_vault where name = 'other')",
      "sealed = (select sealed from identity_vault where name = 'other'), wrapped = (select wrapped from identity_vault where name = 'other')",
      "kek = '000000000000000000000000'",
    ];
    for (const change of changes) {
      await set();
      await db.query(`update identity_vault set ${change} where name = 'api'`);
      assert.equal(await shown(replica), 'upstream_credential_locked', change);
    }
    await set();
    assert.equal(await shown(replica), 'Bearer the-only-secret');
    await replica.identity.close();
  });

  test(
    'without its key it does not open; with the key before it is wrapped anew, and opens without that one',
    LIMIT,
    async () => {
      const { db } = await place.fresh(identityMigrations);
      const [old, next] = [newKey(), newKey()];
      const first = await open({ db, vault: vaultParts(old) });
      await first.identity.vault.set(BEARER, secret('kept-over-keys'), 'x');
      await first.identity.close();
      const lost = await open({ db, vault: vaultParts(next) });
      assert.equal(await shown(lost), 'upstream_credential_locked');
      await lost.identity.close();
      const keys: VaultKeySource = { current: async () => next, previous: () => [old] };
      const rotated = await open({ db, vault: { keys, addresses: [] } });
      assert.equal(await shown(rotated), 'Bearer kept-over-keys');
      assert.deepEqual(
        rotated.recorded.map(({ event }) => event).filter((event) => event.startsWith('vault')),
        ['vault.rewrap'],
      );
      await rotated.identity.close();
      const after = await open({ db, vault: vaultParts(next) });
      assert.equal(await shown(after), 'Bearer kept-over-keys');
      await after.identity.close();
      const before = await open({ db, vault: vaultParts(old) });
      assert.equal(await shown(before), 'upstream_credential_locked');
      await before.identity.close();
    },
  );

  test('a key that is not there is asked for again, and not at each call', LIMIT, async () => {
    const clock = new MovableClock();
    const key = newKey();
    let asked = 0;
    let there = true;
    const keys: VaultKeySource = {
      current: async () => {
        asked += 1;
        return there ? key : { kind: 'problem', problem: 'the KMS is away' };
      },
      previous: () => [],
    };
    const { db } = await place.fresh(identityMigrations, clock);
    const first = await open({ db, clock, vault: { keys, addresses: [] } });
    await first.identity.vault.set(BEARER, secret('behind-a-kms'), 'x');
    await first.identity.close();
    there = false;
    asked = 0;
    const replica = await open({ db, clock, vault: { keys, addresses: [] } });
    for (let count = 0; count < 20; count++) assert.equal(await shown(replica), 'upstream_credential_locked');
    assert.equal(asked, 1);
    assert.match(replica.identity.vault.problem() ?? '', /the KMS is away/);
    const refused = await replica.identity.vault.set(BEARER, secret('never-sealed'), 'x');
    assert.ok(isRefusal(refused) && refused.code === 'upstream_credential_locked');
    there = true;
    clock.forward(6_000);
    assert.equal(await shown(replica), 'Bearer behind-a-kms');
    assert.equal(replica.identity.vault.problem(), undefined);
    await replica.identity.close();
  });

  const withTokens = async (
    work: (endpoint: TokenEndpoint, openOn: (db: Database, clock?: MovableClock) => Promise<Replica>) => Promise<void>,
  ) => {
    const endpoint = await new TokenEndpoint().start();
    const egress = openEgress({ clock: systemClock, environment: {} });
    const parts = vaultParts(newKey());
    const replicas: Replica[] = [];
    try {
      await work(endpoint, async (db, clock) => {
        const addresses = [new URL(endpoint.url).origin];
        const more = clock === undefined ? {} : { clock };
        const replica = await open({ db, ...more, documents: egress.documents, vault: { ...parts, addresses } });
        replicas.push(replica);
        return replica;
      });
    } finally {
      for (const { identity, state } of replicas) {
        await identity.close();
        await state.stop();
      }
      await egress.close();
      endpoint.close();
    }
  };

  const refreshing = ({ url }: TokenEndpoint): NewVaultEntry => ({
    ...BEARER,
    kind: 'oauth_refresh',
    oauth: { token_endpoint: url, client_id: 'sally port', scope: 'read' },
  });
  const first = secret('{"refresh_token":"refresh-token-number-0","client_secret":"client:secret/1"}');

  test('many calls on two replicas renew once, and what came of it is kept', LIMIT, async () => {
    await withTokens(async (endpoint, openOn) => {
      const { db, again } = await place.fresh(identityMigrations);
      const one = await openOn(db);
      const two = await openOn(place.shared ? await again() : db);
      endpoint.delay_ms = 300;
      await one.identity.vault.set(refreshing(endpoint), first, 'x');
      await two.state.poll();
      const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => shown(at % 2 === 0 ? one : two)));
      assert.deepEqual([...new Set(answers)], ['Bearer access-token-number-1']);
      assert.equal(endpoint.asked.length, 1);
      assert.equal(
        endpoint.authorizations[0],
        `Basic ${Buffer.from('sally+port:client%3Asecret%2F1').toString('base64')}`,
      );
      assert.equal(endpoint.asked[0]?.get('scope'), 'read');
      const rows = JSON.stringify(await db.query('select * from identity_vault'));
      for (const word of ['token-number', 'client:secret']) assert.ok(!rows.includes(word), rows);
      const { access_expires_at } = (await one.identity.vault.find('api'))!;
      assert.ok((access_expires_at ?? 0) > Date.now());
    });
  });

  test('a token is renewed ahead of its end while the old one is shown, and after it only then', LIMIT, async () => {
    await withTokens(async (endpoint, openOn) => {
      const clock = new MovableClock();
      const { db } = await place.fresh(identityMigrations, clock);
      const replica = await openOn(db, clock);
      await replica.identity.vault.set(refreshing(endpoint), first, 'x');
      assert.equal(await shown(replica), 'Bearer access-token-number-1');
      clock.forward(9.5 * MINUTE_MS);
      assert.equal(await shown(replica), 'Bearer access-token-number-1');
      for (let waits = 0; endpoint.asked.length < 2 && waits < 100; waits++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      for (let waits = 0; (await shown(replica)).endsWith('1') && waits < 100; waits++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(await shown(replica), 'Bearer access-token-number-2');
      clock.forward(30 * MINUTE_MS);
      assert.equal(await shown(replica), 'Bearer access-token-number-3');
    });
  });

  test(
    'a renewal that is refused, late, or no token at all is a refusal that says nothing of a token',
    LIMIT,
    async () => {
      await withTokens(async (endpoint, openOn) => {
        const clock = new MovableClock();
        const { db } = await place.fresh(identityMigrations, clock);
        const replica = await openOn(db, clock);
        const { vault } = replica.identity;
        for (const answer of ['unavailable', 'garbage', 'endless'] as const) {
          endpoint.answer = answer;
          await vault.set(refreshing(endpoint), first, 'x');
          const refused = await vault.credential({ ...USE, on: { run: RUN } });
          assert.ok(isRefusal(refused), answer);
          assert.equal(refused.code, 'upstream_credential_refused');
          assert.ok(!JSON.stringify(refused).includes('token-number'), refused.reason);
          const asked = endpoint.asked.length;
          assert.equal(await shown(replica), 'upstream_credential_refused');
          assert.equal(endpoint.asked.length, asked, 'asked again at once');
        }
        endpoint.answer = 'tokens';
        clock.forward(11_000);
        assert.equal(await shown(replica), 'Bearer access-token-number-4');
        await vault.set(refreshing(endpoint), secret('refresh-token-of-a-thief'), 'x');
        assert.equal(await shown(replica), 'upstream_credential_refused');
        const outside = {
          ...refreshing(endpoint),
          oauth: { token_endpoint: 'http://127.0.0.1:1/token', client_id: 'c', scope: null },
        };
        await vault.set(outside, first, 'x');
        assert.equal(await shown(replica), 'upstream_credential_refused', 'a private address that nobody configured');
      });
    },
  );

  test('a server that does not accept the token gets another one, and not at each call', LIMIT, async () => {
    await withTokens(async (endpoint, openOn) => {
      const clock = new MovableClock();
      const { db } = await place.fresh(identityMigrations, clock);
      const replica = await openOn(db, clock);
      await replica.identity.vault.set(refreshing(endpoint), first, 'x');
      await shown(replica);
      const reject = async () => {
        const credential = await replica.identity.vault.credential({ ...USE, on: { run: RUN } });
        assert.ok(credential !== undefined && !isRefusal(credential));
        credential.heard?.({ status: 401, challenge: undefined, nonce: undefined });
      };
      clock.forward(11_000);
      for (let count = 0; count < 10; count++) await reject();
      assert.equal(endpoint.asked.length, 2);
      assert.equal(await shown(replica), 'Bearer access-token-number-2');
    });
  });
});
