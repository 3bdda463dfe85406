import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Called, openWorld, type World } from '../support/world.ts';

/**
 * Whoever can bend a decision needs no other hole: an agent that shapes its arguments so that a rule trips or looks away, an
 * upstream whose schema no longer has what a rule reads.
 */
const POLICIES = `
@id("writes") @reason("Anyone may append.") @public("Append a line.")
permit (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append");

@id("risky-by-level")
@reason("Written when the tool still had a level; today its evaluation fails.")
forbid (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "risky*" && context.args.level > 3 };

@id("no-large-lines")
@reason("An agent that makes the sum overflow must not get past it.")
forbid (principal is Agent, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "big*" && 9223372036854775807 + 1 > 0 };

@id("server-may-not-ask")
@reason("Permits for agents are none for servers.")
permit (principal is Tool, action == Action::"sampling.create", resource == Agent::"nobody");
`;

describe('bent decisions', () => {
  let world: World;
  before(async () => {
    world = await openWorld({ policies: POLICIES });
  });
  after(() => world.stop());

  const refused = async (args: object, code: string, line: string): Promise<void> => {
    const called = await world.call(world.triage, 'append', args);
    assert.equal(codeOf(called), code, called.text);
    await sleep(20);
    assert.ok(!world.journal().some((written) => written.includes(line)), 'it had an effect');
  };

  test('without a trick it goes through', async () => {
    const called = await world.call(world.triage, 'append', { line: 'plain' });
    assert.equal(codeOf(called), undefined, called.text);
    assert.ok(world.journal().includes('plain'));
  });

  test('a forbid that reads what the tool no longer has denies instead of vanishing', () =>
    refused({ line: 'risky business' }, 'policy_error', 'risky'));

  test('a forbid that overflows denies instead of vanishing', () =>
    refused({ line: 'big one' }, 'policy_error', 'big'));

  for (const [name, extra] of [
    ['an argument that the tool did not declare', { more: 1 }],
    ['an argument in the shape of an entity', { __entity: { type: 'Agent', id: 'root' } }],
    ['an argument in the shape of an address', { __extn: { fn: 'ip', arg: '127.0.0.1' } }],
    ['an argument in the shape of an expression', { __expr: 'Agent::"root"' }],
  ] as const) {
    test(`${name} is refused`, () => refused({ line: 'extra', ...extra }, 'arguments_invalid', 'extra'));
  }

  for (const line of [{ __entity: { type: 'Agent', id: 'root' } }, ['shape'], 7, null, true]) {
    test(`${JSON.stringify(line)} where a text is declared is refused`, () =>
      refused({ line }, 'arguments_invalid', 'shape'));
  }
});

function codeOf({ body }: Called): unknown {
  return body.error?.data?.['code'] ?? body.result?._meta?.['dev.sallyport/code'];
}
