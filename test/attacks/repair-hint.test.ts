import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { publicSentence, REFUSAL_CODES } from '../../src/core/refusal.ts';
import { KINDS, openRefusals, type RefusalWorld } from '../support/refusals.ts';

/**
 * What an agent is told of a refusal helps it to do what it may, and tells nothing of the policies: `@public` texts and the
 * code's own sentence, never an id, a file, a reason, a clause, or that something hidden is there.
 */
suite('the repair hint', () => {
  let refusals: RefusalWorld;
  before(async () => {
    refusals = await openRefusals(11);
  });
  after(() => refusals.stop());

  /** What of the agent's own request is wrong, or what it was lent: no policy speaks there. */
  const SAYS_MORE = new Set(['arguments_invalid', 'delegation_exceeded', 'header_mismatch', 'method_unknown']);
  const allowed = new Set([...REFUSAL_CODES.map(publicSentence), 'Search below the folder.']);

  test('is made of public texts alone, for refusals of every kind', async () => {
    const kinds = new Set<string>();
    for (let at = 0; kinds.size < KINDS.length; at += 1) {
      assert.ok(at < 200, `${kinds.size} kinds`);
      const refused = await refusals.refuse(at);
      kinds.add(refused.kind);
      for (const secret of ['test.cedar', '-one', 'Of the trial', 'default-deny', 'permit(', 'forbid(', 'context.'])
        assert.ok(!refused.wire.includes(secret), `${refused.kind} tells ${secret}: ${refused.wire}`);
      if (SAYS_MORE.has(refused.code)) continue;
      assert.ok(allowed.has(refused.told), `${refused.kind}: ${refused.told}`);
    }
  });

  test('is the same for what is hidden and for what is not there', async () => {
    const { world, agents } = refusals;
    const answers = [];
    for (const tool of ['hidden', 'nothing-of-this-name']) {
      const { body, status } = await world.call(agents['cat']!, tool, { path: 'a' }, { server: 'work' });
      answers.push(`${status} ${JSON.stringify(body).replaceAll(/rcp_[0-9a-v]{26}/g, 'rcp_')}`);
    }
    assert.equal(answers[0], answers[1]);
  });

  test('does not come by the control plane: an agent asks there about nobody', async () => {
    const { world, agents } = refusals;
    const url = `${world.running.console_url}/api/can`;
    const body = JSON.stringify({ agent: 'ann', action: 'tool.call', resource: 'work/search' });
    for (const headers of [
      agents['ben']!.headers('POST', url),
      { ...agents['ben']!.headers('POST', url), 'sallyport-client': 'cli', origin: world.running.console_url },
    ]) {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
      });
      assert.ok(answer.status === 401 || answer.status === 403, String(answer.status));
      assert.doesNotMatch(await answer.text(), /search|policy/);
    }
  });
});
