import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Browser, type ControlPlane, openControlPlane } from '../support/control-plane.ts';

const permit = (id: string) =>
  `@id("${id}") @reason("A test's.") permit (principal == Agent::"${id}", action == Action::"resource.read", resource);\n`;
const CASES = (expect: string) =>
  JSON.stringify({
    agents: { late: {} },
    cases: [{ it: 'late reads', as: 'late', action: 'resource.read', on: 'Resource::files/a', expect }],
  });

/** As it came; a wrong shape fails the assertion that reads it. */
type Json = ReturnType<typeof JSON.parse>;

async function ask(plane: ControlPlane, who: Browser, path: string, body?: unknown): Promise<Json> {
  const method = body === undefined ? 'GET' : 'POST';
  const given = body === undefined ? {} : { body };
  const { status, json } = await plane.send({ method, path: `/api/${path}`, headers: who.headers, ...given });
  return { status, ...(json() as Json) };
}

test('a set is proposed by one person and activated by another, through the contract alone', async () => {
  const plane = await openControlPlane({ policy: { source: 'console', two_persons: true } });
  try {
    const ann = await plane.person(['admin', 'approver'], { present: true });
    const bob = await plane.person(['approver'], { present: true });
    const late = { name: 'late.cedar', text: permit('late') };
    const test = (expect: string) => ({ name: 'late.test.yaml', text: CASES(expect) });
    const proposed = await ask(plane, ann, 'policy/propose', { edits: [late, test('deny')], reason: 'late too' });
    assert.equal(proposed['kind'], 'proposed', JSON.stringify(proposed));
    assert.deepEqual([proposed['tests'].passed, proposed['tests'].results[0].decision], [false, 'permit']);
    const { set } = proposed['version'];
    const activate = { set, reason: 'looked at' };
    const untested = await ask(plane, bob, 'policy/activate', activate);
    assert.equal(untested['code'], 'policy_tests_failed', JSON.stringify(untested));
    assert.match(untested['message'], /late\.test\.yaml:1: the case “late reads” fails/);
    const mended = await ask(plane, ann, 'policy/propose', { edits: [late, test('permit')], reason: 'its test' });
    assert.equal(mended['tests'].passed, true, JSON.stringify(mended));
    assert.equal((await ask(plane, ann, 'policy/activate', activate))['code'], 'second_person_needed');
    assert.equal((await ask(plane, bob, 'policy/activate', activate))['set'], set);
    const all = await ask(plane, bob, 'policy/versions');
    assert.equal(all['active'], set);
    assert.match(all['versions'][0].author, /^person:/);
    const one = await ask(plane, bob, `policy/versions/${set}?against=${all['before']}`);
    assert.match(one['patch'], /^--- \/dev\/null\n\+\+\+ b\/late\.cedar/);
    assert.equal((await ask(plane, bob, 'policy/rollback', { reason: 'no' }))['set'], all['before']);
  } finally {
    await plane.close();
  }
});

test('who may not propose, approve or give is refused, and so is what has no form', async () => {
  const plane = await openControlPlane();
  try {
    const viewer = await plane.person(['viewer'], { present: true });
    const admin = await plane.person(['admin'], { present: true });
    const absent = await plane.person(['approver']);
    const edits = [{ name: 'late.cedar', text: permit('late') }];
    const resource = { type: 'Tool', id: 'files/read' };
    const grant = { agent: 'late', actions: ['tool.call'], resource, for_seconds: 60, reason: 'x' };
    const tries: [Browser, string, unknown, string][] = [
      [viewer, 'policy/propose', { edits, reason: 'x' }, 'role_missing'],
      [viewer, 'policy/test', {}, 'role_missing'],
      [admin, 'policy/rollback', { reason: 'x' }, 'role_missing'],
      [admin, 'grants', grant, 'role_missing'],
      [viewer, `grants/prv_${'0'.repeat(26)}/end`, { reason: 'x' }, 'role_missing'],
      [absent, 'policy/rollback', { reason: 'x' }, 'presence_required'],
      [absent, 'policy/canary', { share_percent: 10, reason: 'x' }, 'presence_required'],
      [absent, 'grants', grant, 'presence_required'],
    ];
    for (const [who, path, body, code] of tries) {
      assert.equal((await ask(plane, who, path, body))['code'], code, path);
    }
    for (const name of ['../a.cedar', '.a.cedar', 'a.yaml', 'a/b.cedar', '']) {
      const done = await ask(plane, admin, 'policy/propose', { edits: [{ name, text: '' }], reason: 'x' });
      assert.equal(done['status'], 400, name);
    }
    const patch = await ask(plane, admin, 'policy/propose', { edits, reason: 'x' });
    assert.equal(patch['kind'], 'patch', JSON.stringify(patch));
    assert.match(patch['next'], /policy\.source: console/);
  } finally {
    await plane.close();
  }
});
