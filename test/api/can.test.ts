import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { CanAnswer } from '../../src/api/contract/index.ts';
import { type Browser, type ControlPlane, openControlPlane, type Received } from '../support/control-plane.ts';

/** `POST /api/can`: the same answer as the agent would get, with what stands in the way. */
suite('can', () => {
  let plane: ControlPlane;
  let viewer: Browser;

  before(async () => {
    plane = await openControlPlane();
    plane.policy.engine.useCatalog([
      {
        server: 'files',
        tools: ['read_text_file', 'write_file'].map((name) => ({
          server: 'files',
          name,
          inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
          raw: {},
        })),
        resources: [],
        templates: [],
        prompts: [],
        digest: '',
      },
    ]);
    const agent = { owner: 'team', jobs: ['triage', 'report'], purposes: ['audit'], users: ['ann'] };
    await plane.identity.agents.add({ id: 'triage', ...agent }, 'local');
    viewer = await plane.person(['viewer']);
  });
  after(() => plane.close());

  const ask = (body: Record<string, unknown>, headers = viewer.headers): Promise<Received> =>
    plane.send({ method: 'POST', path: '/api/can', headers, body });
  const call = { agent: 'triage', action: 'tool.call', resource: 'files/read_text_file', job: 'triage' };
  const answerTo = async (body: Record<string, unknown>): Promise<CanAnswer> => {
    const received = await ask(body);
    assert.equal(received.status, 200, received.text);
    return received.json() as unknown as CanAnswer;
  };

  test('says yes, and by which policy', async () => {
    const answer = await answerTo({ ...call, args: { path: 'reports/may.md' } });
    assert.equal(answer.effect, 'permit');
    const [access] = answer.explanation.accesses;
    assert.deepEqual(
      access?.policies.filter(({ determining }) => determining).map(({ id }) => id),
      ['triage-reads-reports'],
    );
    assert.equal(answer.explanation.remedy.kind, 'none');
  });

  test('says no with the clause that failed, the value that it saw, and the smallest change', async () => {
    const answer = await answerTo({ ...call, args: { path: '/etc/passwd' } });
    assert.equal(answer.effect, 'deny');
    assert.equal(answer.code, 'policy_denied');
    assert.equal(answer.public, 'Read files below reports/.');
    const [policy] = answer.explanation.accesses[0]?.policies ?? [];
    assert.match(policy?.clause?.text ?? '', /like "reports\/\*"/);
    assert.deepEqual(policy?.clause?.values, [{ path: 'context.args.path', value: '"/etc/passwd"' }]);
    assert.match(policy?.text ?? '', /@reason\("Triage may read/);
    const { remedy } = answer.explanation;
    assert.ok(remedy.kind === 'policy');
    assert.match(remedy.text, /principal == Agent::"triage"/);
    assert.match(remedy.text, /context\.args\.path == "\/etc\/passwd"/);
    assert.equal(remedy.tried.changed, 0);
    assert.ok(remedy.tried.others > 10);
  });

  test('names the nearest permit and the part of its head that differs where none is in scope', async () => {
    const answer = await answerTo({ ...call, resource: 'Tool::"files/write_file"', args: { path: 'reports/x' } });
    const [policy] = answer.explanation.accesses[0]?.policies ?? [];
    assert.equal(policy?.outcome, 'unmatched');
    assert.match(policy?.clause?.text ?? '', /resource == Tool::"files\/read_text_file"/);
    assert.equal(answer.public, 'There is no such thing here that you may use.', 'hidden and nonexistent alike');
    assert.equal(answer.listed, false);
  });

  test('tells what would help where no policy could', async () => {
    const misfit = await answerTo({ ...call, args: { path: 7 } });
    assert.equal(misfit.code, 'arguments_invalid');
    assert.equal(misfit.explanation.remedy.kind, 'elsewhere');
    await plane.identity.stops.set({ kind: 'agent', id: 'triage', reason: 'test', by: 'local' });
    const stopped = await answerTo({ ...call, args: { path: 'reports/may.md' } });
    assert.equal(stopped.effect, 'deny');
    assert.equal(stopped.code, 'stopped');
    assert.ok(stopped.explanation.remedy.kind === 'elsewhere');
    assert.match(stopped.explanation.remedy.command ?? '', /^sallyport resume stp_/);
    for (const { stop } of plane.identity.stops.list()) await plane.identity.stops.lift(stop, 'local');
  });

  test('refuses what could not be: agent, job, purpose, action, kind of resource, no name', async () => {
    for (const [change, code] of [
      [{ agent: 'triagee' }, 'not_found'],
      [{ job: 'refunds' }, 'job_not_granted'],
      [{ job: undefined }, 'input_invalid'],
      [{ purpose: 'fun' }, 'purpose_not_granted'],
      [{ action: 'sampling.create' }, 'input_invalid'],
      [{ action: 'tool.burn' }, 'input_invalid'],
      [{ resource: 'Server::"files"' }, 'input_invalid'],
      [{ resource: '""' }, 'input_invalid'],
      [{ args: [] }, 'input_invalid'],
    ] as const) {
      const received = await ask({ ...call, ...change });
      assert.equal(received.json()['code'], code, JSON.stringify(change));
    }
    const said = await ask({ ...call, agent: 'triagee' });
    assert.match(String(said.json()['detail']), /triage is one/);
  });

  test('answers nobody who has not signed in', async () => {
    const received = await ask(call, { 'sallyport-client': 'test', origin: plane.url });
    assert.equal(received.status, 401);
  });

  test('says that a user needs their own token where the agent was not granted them', async () => {
    const granted = await answerTo({ ...call, for: 'ann' });
    const other = await answerTo({ ...call, for: 'bob' });
    assert.ok(!granted.explanation.missing.some((text) => text.includes('own token')));
    assert.ok(other.explanation.missing.some((text) => text.includes('bob') && text.includes('own token')));
    assert.match(granted.explanation.sentence, /on behalf of ann/);
  });
});
