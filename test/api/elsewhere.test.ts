import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elsewhere, WAYS } from '../../src/api/story/elsewhere.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { REFUSAL_CODES } from '../../src/core/refusal.ts';

/** Refusals that come before anybody is known have no receipt of their own to ask why of; people's have no exchange. */
const BEFORE_IDENTITY =
  /^(?:host|origin|route|credential|event|token|issuer|proof|svid|join|grant_refused|workload|assertion|client|key)_?/;
const BEFORE: readonly string[] = ['request_too_large', 'upstream_request_denied'];
/** What people are refused on the control plane. */
const PEOPLES =
  /^(?:sign_in|passkey|roles|consent_unknown|consent_not|ticket|setup|role|presence|request_forged|input_invalid|already_exists|policy_tests|policy_changed|second_person|connection_)/;
const POLICYS = ['policy_denied', 'policy_error', 'argument_unmapped', 'approval_unavailable'];

test('each refusal that can come after identity, and that no policy can lift, has what would help', () => {
  const asked = REFUSAL_CODES.filter(
    (code) => !BEFORE_IDENTITY.test(code) && !PEOPLES.test(code) && !POLICYS.includes(code) && !BEFORE.includes(code),
  );
  assert.ok(asked.length > 30, `${asked.length}`);
  assert.deepEqual(
    asked.filter((code) => WAYS[code] === undefined),
    [],
  );
});

test('what would help names commands that there are', () => {
  const known = { agent: 'triage', job: 'work', server: 'files', stop: 'stp_1', action: 'tool.call' };
  for (const code of REFUSAL_CODES) {
    const { command } = { command: null, ...elsewhere(code, known) };
    if (command === null) continue;
    const words = command.split(' ').slice(1);
    const isThere = COMMANDS.some(({ name }) => name === words[0] || name === words.slice(0, 2).join(' '));
    assert.ok(isThere, `${code}: ${command}`);
  }
});

test('a name from the wire is an argument for a shell and nothing else', () => {
  const resource = "Tool::files/'; rm -rf ~; echo '";
  const { command } = {
    command: '',
    ...elsewhere('delegation_exceeded', { agent: 'a', action: 'tool.call', resource }),
  };
  assert.equal(command, `sallyport delegate a --action tool.call --resource 'Tool::files/'\\''; rm -rf ~; echo '\\'''`);
});
