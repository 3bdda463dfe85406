import assert from 'node:assert/strict';
import { type Client, createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import { totp } from './totp.ts';
import type { World } from './world.ts';

export type Operator = { client: Client; name: string; password: string; setup: string; authenticator: string };

/** The first account of a world, an admin, who has just shown presence. */
export async function openOperator(world: World): Promise<Operator> {
  const made = await world.local.call('setup.link', {});
  if (made.kind !== 'ok') throw new Error(JSON.stringify(made));
  const setup = new URL(made.value.link).hash.slice(1);
  const client = createClient(socketTransport(world.running.socket_path as string), 'test');
  const account = { secret: setup, name: 'ada', password: 'correct horse battery staple' };
  const redeemed = await client.call('setup.redeem', { body: account });
  if (redeemed.kind !== 'ok') throw new Error(JSON.stringify(redeemed));
  const enrolment = await client.call('me.enrol', {});
  if (enrolment.kind !== 'ok') throw new Error(JSON.stringify(enrolment));
  const { secret: authenticator } = enrolment.value;
  // Each code counts once, so that enrolling takes the one before: the current one is left for the test.
  const present = await client.call('me.present', { body: { code: totp(authenticator, Date.now() - 30_000) } });
  if (present.kind !== 'ok') throw new Error(JSON.stringify(present));
  return { client, name: account.name, password: account.password, setup, authenticator };
}

/** Meets a server, and pins whatever it offers. */
export async function approveAll(world: World, server: string, meet: () => Promise<unknown>): Promise<void> {
  await meet();
  const { client } = await openOperator(world);
  const known = await client.call('tools.list', {});
  assert.ok(known.kind === 'ok', JSON.stringify(known));
  const waiting = known.value.parts.filter((part) => part.server === server && part.state === 'waiting');
  const parts = waiting.map(({ kind, name, offered }) => ({ kind, name, digest: offered?.digest ?? null }));
  const approved = await client.call('tools.approve', { body: { server, parts, reason: 'a test needs them' } });
  assert.equal(approved.kind, 'ok', JSON.stringify(approved));
}
