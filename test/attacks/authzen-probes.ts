import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answered, AuthzenWorld } from '../support/authzen.ts';

/** Attempts at the decision point, made like those of `probes.ts`: each throws where the gateway let it happen. */
export type AuthzenProbe = { never: number; name: string; attack(world: AuthzenWorld): Promise<void> };

const alice = { type: 'user', id: 'alice' };
const record = { type: 'record', id: 'record-1' };
const QUESTION = { subject: alice, action: { name: 'read' }, resource: record };
const ABOUT_PEP = {
  subject: { type: 'agent', id: 'pep' },
  action: { name: 'tool.call' },
  resource: { type: 'tool', id: 'journal/append' },
};

function refusedWith({ status, body, text }: Answered, expected: number, code: string): void {
  assert.equal(status, expected, text);
  assert.equal(body['error'], code, text);
}

const OUTCOME_TRIES = 20;
const OUTCOME_TRY_MS = 25;

async function storyOf(world: AuthzenWorld, { headers }: Answered) {
  const receipt = headers.get('sallyport-receipt') ?? '';
  for (let tries = 0; ; tries += 1) {
    const story = await world.local.call('exchanges.story', { params: { receipt } });
    assert.equal(story.kind, 'ok', `${receipt}: ${JSON.stringify(story)}`);
    // The outcome of a read follows its answer.
    if (story.value.outcome !== null || tries === OUTCOME_TRIES) return story.value;
    await sleep(OUTCOME_TRY_MS);
  }
}

export const AUTHZEN_PROBES: readonly AuthzenProbe[] = [
  {
    never: 1,
    name: 'an answer has an intent before it and an outcome after it',
    async attack(world) {
      const answered = await world.ask(world.pep, 'evaluation', QUESTION);
      assert.equal(answered.body['decision'], true, answered.text);
      const story = await storyOf(world, answered);
      assert.equal(story.receipts[0]?.receipt['kind'], 'intent');
      assert.equal(story.outcome?.kind, 'completed');
    },
  },
  {
    never: 4,
    name: 'nobody asks without a credential, with another’s name, or with a proof for another address',
    async attack(world) {
      const at = `${world.running.agents_url}/access/v1/evaluation`;
      const ask = (headers: Record<string, string>) =>
        fetch(at, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(QUESTION),
        });
      assert.equal((await ask({})).status, 401);
      assert.equal((await ask({ authorization: 'Bearer sp_guess' })).status, 401);
      assert.equal((await ask(world.pep.headers('POST', `${world.public_url}/access/v1/evaluations`))).status, 401);
      const once = world.pep.headers('POST', `${world.public_url}/access/v1/evaluation`);
      assert.equal((await ask(once)).status, 200);
      assert.equal((await ask(once)).status, 401);
    },
  },
  {
    never: 4,
    name: 'a page of another origin does not ask in a person’s name',
    async attack(world) {
      const asked = await world.ask(world.pep, 'evaluation', QUESTION, { origin: 'https://evil.example' });
      refusedWith(asked, 403, 'origin_not_allowed');
    },
  },
  {
    never: 4,
    name: 'an ended run asks nothing more',
    async attack(world) {
      const id = `ending-${Date.now()}`;
      const agent = await world.register(id);
      const own = { ...ABOUT_PEP, subject: { type: 'agent', id } };
      const asked = await world.ask(agent, 'evaluation', own);
      assert.equal(asked.status, 200, asked.text);
      const { exchange } = await storyOf(world, asked);
      const ended = await world.local.call('runs.end', { params: { run: exchange.run as string } });
      assert.equal(ended.kind, 'ok', JSON.stringify(ended));
      refusedWith(await world.ask(agent, 'evaluation', own), 401, 'run_ended');
    },
  },
  {
    never: 6,
    name: 'an agent asks about nobody else, and searches nothing',
    async attack(world) {
      refusedWith(await world.ask(world.triage, 'evaluation', ABOUT_PEP), 403, 'policy_denied');
      refusedWith(await world.ask(world.triage, 'evaluation', QUESTION), 403, 'policy_denied');
      const own = { ...ABOUT_PEP, subject: { type: 'agent', id: 'triage' } };
      const mixed = { evaluations: [own, QUESTION] };
      refusedWith(await world.ask(world.triage, 'evaluations', mixed), 403, 'policy_denied');
      for (const what of ['subject', 'resource', 'action']) {
        refusedWith(await world.ask(world.triage, `search/${what}`, own), 403, 'policy_denied');
      }
    },
  },
  {
    never: 2,
    name: 'a question that a person should see first is not answered while nobody can be asked',
    async attack(world) {
      const auditor = await world.register('auditor');
      refusedWith(await world.ask(auditor, 'evaluation', QUESTION), 403, 'approval_unavailable');
    },
  },
  {
    never: 2,
    name: 'a question that two readers could read differently is not read',
    async attack(world) {
      const twice = `{"subject":{"type":"user","id":"bob","id":"alice"},"action":{"name":"write"},"resource":{"type":"record","id":"record-1"}}`;
      refusedWith(await world.ask(world.pep, 'evaluation', twice), 400, 'request_not_canonical');
    },
  },
  {
    never: 3,
    name: 'an agent is not told which policies decide about it',
    async attack(world) {
      const own = { ...ABOUT_PEP, subject: { type: 'agent', id: 'triage' }, context: { arguments: { line: 'evil' } } };
      const { body, text } = await world.ask(world.triage, 'evaluation', own);
      assert.equal(body['decision'], false, text);
      assert.equal(text.includes('triage-writes-ok'), false, text);
      const hidden = { ...own, resource: { type: 'tool', id: 'journal/read_text' } };
      const missing = { ...own, resource: { type: 'tool', id: 'journal/no_such_tool' } };
      const [one, other] = [
        await world.ask(world.triage, 'evaluation', hidden),
        await world.ask(world.triage, 'evaluation', missing),
      ];
      assert.equal(one.text, other.text);
    },
  },
];
