import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startHttpFixture } from '../fixtures/mcp/http.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { codeOf, type Json, type Message, ModernAgent, textOf } from '../support/mcp-agent.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("all")
@reason("Any agent may use the fixture, and be asked by it.")
permit (principal, action, resource);
`;

const ANSWERS = { confirm: { action: 'accept', content: { ok: true } } };

/** State that went through an agent's hands is an attacker's: what it was not given for, it does not open. */
describe('a requestState opens only what it was given for', () => {
  let fixture: Awaited<ReturnType<typeof startHttpFixture>>;
  let world: World;
  let state: string;
  const params = { name: 'test_input_required_result_request_state', arguments: {} };
  const agentOf = (client: AgentClient, path = '/mcp/fixture') => {
    const agent = new ModernAgent(world, client, path);
    agent.capabilities = { elicitation: {} };
    return agent;
  };
  before(async () => {
    fixture = await startHttpFixture();
    const upstreams = `  fixture: { url: "${fixture.url}" }\n  twin: { url: "${fixture.url}" }\n`;
    world = await openWorld({ policies: POLICIES, upstreams });
    const first = await agentOf(world.triage).ask('tools/call', params);
    state = String(first.result?.['requestState']);
  });
  after(async () => {
    await world.stop();
    await fixture.close();
  });

  const retry = (agent: ModernAgent, more: Json = {}): Promise<Message> =>
    agent.ask('tools/call', { ...params, inputResponses: ANSWERS, requestState: state, ...more });

  function refused(message: Message): void {
    assert.equal(message.error?.code, -32602, JSON.stringify(message));
    assert.equal(codeOf(message), 'request_malformed');
  }

  test('the server’s own state is not in it', () => {
    assert.doesNotMatch(Buffer.from(state, 'base64url').toString('latin1'), /tool|nonce|fixture/);
  });

  test('not with one character changed, cut short or made longer', async () => {
    const middle = state.length >> 1;
    const changed = state.slice(0, middle) + (state[middle] === 'A' ? 'B' : 'A') + state.slice(middle + 1);
    for (const requestState of [changed, state.slice(0, -4), `${state}AAAA`, '', 'x', { a: 1 }, 5, null]) {
      refused(await retry(agentOf(world.triage), { requestState }));
    }
  });

  test('not for another agent', async () => refused(await retry(agentOf(await world.register('thief')))));

  test('not for the same agent in another run', async () =>
    refused(await retry(agentOf(await world.register('triage')))));

  test('not for another tool, other arguments, or another server', async () => {
    refused(await retry(agentOf(world.triage), { name: 'test_input_required_result_tampered_state' }));
    refused(await retry(agentOf(world.triage), { arguments: { more: 1 } }));
    refused(await retry(agentOf(world.triage, '/mcp/twin')));
  });

  test('and still for the agent, run and request that it was given for', async () => {
    assert.match(textOf(await retry(agentOf(world.triage))), /state-ok/);
  });

  test('answers that are no answers are not passed on', async () => {
    for (const inputResponses of [null, 'x', [], { confirm: 5 }, { confirm: null }]) {
      const answer = await agentOf(world.triage).ask('tools/call', { ...params, inputResponses });
      assert.equal(answer.error?.code, -32602, JSON.stringify(inputResponses));
    }
  });
});
