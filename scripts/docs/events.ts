import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOWEST_LABEL } from '../../src/core/label.ts';
import { CONTROL_EVENTS, type ControlEvent, type IntentReceipt, RECEIPT_VERSION } from '../../src/core/receipt.ts';

/** What each control event says. A new event without a line here fails `npm run docs`. */
const MEANING: Partial<Record<ControlEvent, string>> = {
  'gateway.start': 'A replica began an epoch.',
  'gateway.stop': 'A replica ended its epoch in order. Without it, the epoch lapsed.',
  'config.change': 'Another configuration is in force; digests before and after.',
  'policy.propose': 'Policy files differ from the active set and wait for activation.',
  'policy.activate':
    'Another policy set is in force, by whom and why; the digest of the cases that it passed, and what became of a canary, are in the payload.',
  'mode.observe':
    'From here on what policy refuses is let through and recorded as refused; by whom, why and until when.',
  'mode.enforce': 'Policy is enforced again: by somebody, or because the time was up.',
  'policy.rollback': 'The version before is in force again, by whom and why.',
  'policy.canary': 'A policy set decides for a share of the agents, or does so no more.',
  'policy.shadow': 'A policy set runs beside the one that decides, until when is in the payload; or does so no more.',
  'privilege.give': 'An agent may do one thing for a while; which, why and until when is in the payload.',
  'privilege.end': 'That ended: by somebody, or by itself.',
  'agent.add': 'An agent was registered.',
  'agent.remove': 'An agent was removed.',
  'agent.rotate': 'An agent got another key; what it had got with the old one is worth nothing.',
  'token.issue': 'A bearer token was issued.',
  'token.revoke': 'A bearer token was revoked.',
  'run.open': 'A run of a job was opened.',
  'run.end': 'A run was ended before its time.',
  'workload.accept': 'A run was opened for a workload that another issuer vouched for; which one is in the payload.',
  'consent.give': 'A person let the gateway’s client at a server act in their name.',
  'consent.withdraw': 'A person took that back.',
  'delegation.grant': 'A person or an agent lent an agent the right to act for it, within a scope.',
  'grant.give': 'A person let a client act for them, in one job.',
  'grant.refuse': 'A person did not let a client act for them.',
  'grant.end': 'What a client was let do has ended, with its run and its tokens.',
  'client.register': 'A client registered itself.',
  'stop.set': 'An agent, run, key, token, upstream or everything was stopped.',
  'stop.lift': 'A stop was lifted, with presence.',
  'signal.receive':
    'Another issuer told that a session or a credential was revoked, and what it had open here was ended.',
  'person.setup': 'A set-up link was redeemed.',
  'person.add': 'A person was added, or a set-up link made for one.',
  'person.sign_in': 'A person signed in.',
  'person.sign_in_failed': 'A sign-in failed.',
  'person.sign_out': 'A person signed out.',
  'person.change': 'A person’s roles or credentials changed.',
  'person.remove': 'A person was removed.',
  'person.enrol': 'A person enrolled an authenticator.',
  'person.present': 'A person showed presence.',
  'payload.read': 'Somebody unsealed names or arguments; which receipts.',
  'payload.erase': 'Keys of payloads were destroyed.',
  'audit.export': 'Somebody took a proof or a pack out.',
  'audit.fork': 'A new origin was opened that names the old checkpoint.',
  'connection.make': 'A person connected a server: the gateway acts there in their name, or in its own.',
  'connection.end': 'A connection to a server was ended.',
  'vault.set': 'An entry of the vault was set; its terms, never its secret.',
  'vault.rotate': 'An entry of the vault got another secret.',
  'vault.remove': 'An entry of the vault was removed.',
  'vault.renew': 'An access token was renewed with an entry’s refresh token.',
  'vault.rewrap': 'The data key of an entry was wrapped under another key-encryption key.',
  'key.create': 'A signing key was made.',
  'key.rotate': 'The signing keys are to be replaced, or count no more.',
  'svid.authority': 'An authority of the SPIFFE trust domain was made.',
  'svid.issue': 'An SVID was issued; its SPIFFE ID is payload.',
  'svid.rotate': 'Somebody had the gateway’s own SVID renewed before its time.',
  'join.create': 'A joining token was made.',
  'join.use': 'A joining token was used up.',
  'upstream.change':
    'A server offers what differs from its pins, or is new: it is stopped; digests of all pins and of all that is offered.',
  'tool.pin': 'What a server offered when it was met was pinned, as `tools.first_use: trust` says. Nobody looked.',
  'tool.approve': 'A person pinned what a server offers; digests of all its pins before and after.',
  'tool.reject': 'A person looked at what a server offers, and it stays stopped.',
  'tool.unpin': 'Pins were taken back; what was in flight on them was cut.',
  'engine.disagreement': 'The compiled policy evaluator and cedar-wasm disagreed; cedar-wasm decides since.',
};

/** Digests of the example are of words, so that it says the same each time. */
const digest = (word: string): string => hash('sha256', word, 'hex');

/** Checked by the compiler against the type: an example that lacks a field, or has one too many, does not compile. */
const EXAMPLE: IntentReceipt = {
  version: RECEIPT_VERSION,
  id: 'rcp_0a1b2c3d4e5f6g7h8i9j0k1l2m',
  kind: 'intent',
  replica: 'rep_0a1b2c3d4e5f6g7h8i9j0k1l2m',
  epoch: 3,
  n: 41,
  prev: digest('the receipt before'),
  time: 1_795_370_400_000,
  build: '0.1.0',
  config_digest: digest('sallyport.yaml'),
  protocol: 'mcp',
  operation: 'tools/call',
  agent: { id: 'triage', owner: 'ops', version: '1' },
  credential: { kind: 'dpop', thumbprint: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' },
  run: 'run_0a1b2c3d4e5f6g7h8i9j0k1l2m',
  job: 'triage-issues',
  purpose: 'answer-customers',
  subject: 'usr_0a1b2c3d4e5f6g7h8i9j0k1l2m',
  chain: [
    {
      actor: 'triage',
      grant: 'dlg_0a1b2c3d4e5f6g7h8i9j0k1l2m',
      scope_digest: digest('what the user lends'),
      expires_at: 1_795_374_000_000,
    },
  ],
  accesses: [
    { action: 'tool.call', resource_type: 'Tool', resource_digest: digest('salt and Tool::"files/read_text_file"') },
  ],
  upstream: 'files',
  tool: { manifest: digest('the definition'), pin_approval: 'pin_0a1b2c3d4e5f6g7h8i9j0k1l2m' },
  request: { received: digest('what came'), sent: digest('what goes'), bytes: 311 },
  policy: { set: digest('the set'), ids: ['triage-reads-reports'], errors: [], obligations: [], shadow: [] },
  state_version: 17,
  labels: { before: LOWEST_LABEL },
  checks: [{ stage: 'decide', verdict: 'pass', us: 12 }],
  parent: null,
  continues: null,
  trace: null,
  payload: digest('salt and payload'),
};

/** docs/reference/events.md: the receipts, their fields from the source, and the control events. */
export function eventsPage(): string {
  const source = readFileSync(join(import.meta.dirname, '..', '..', 'src', 'core', 'receipt.ts'), 'utf8');
  const types = [
    ...source.matchAll(/(?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?export type [A-Z]\w* =[\s\S]*?;\n(?=\n|$)/g),
  ].map(([text]) => text);
  return [
    '# Receipts and events',
    '',
    'Generated by `npm run docs`. Every entry of the log is one receipt, written as canonical JSON (RFC 8785). An entry holds opaque',
    'ids, digests and enumerations; names, arguments and content are sealed beside the log under a key each, and `payload` is',
    'their salted digest. `sallyport why <receipt>` tells them as a story, and `sallyport tail --json` as they come.',
    '',
    '## Kinds',
    '',
    '| Kind | When |',
    '|---|---|',
    '| `intent` | before any effect, durable before anything is sent |',
    '| `outcome` | after it: completed, failed, withheld, cut, cancelled, unknown |',
    '| `refusal`, `hold` | where a pass ended without an effect, after identity |',
    '| `flood` | refusals before identity, counted by code, source and second |',
    '| `gap` | receipts that could not be written, and how many |',
    '| `control` | a change of the system itself, or a look at a payload |',
    '',
    '## Control events',
    '',
    '| Event | What it says |',
    '|---|---|',
    ...CONTROL_EVENTS.map((event) => `| \`${event}\` | ${meaningOf(event)} |`),
    '',
    '## An example',
    '',
    '```json',
    JSON.stringify(EXAMPLE, null, 2),
    '```',
    '',
    '## Fields',
    '',
    'As the code has them (`src/core/receipt.ts`):',
    '',
    '```ts',
    types.join('\n').trimEnd(),
    '```',
    '',
  ].join('\n');
}

function meaningOf(event: ControlEvent): string {
  const meaning = MEANING[event];
  if (meaning === undefined) throw new Error(`scripts/docs/events.ts does not say what ${event} means`);
  return meaning;
}
