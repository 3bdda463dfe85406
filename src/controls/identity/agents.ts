import { generateKeyPairSync, type webcrypto } from 'node:crypto';
import type { JsonObject } from '../../core/json.ts';
import { LOWEST_LABEL } from '../../core/label.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { Secret } from '../../core/secret.ts';
import { type ChangeParts, change } from './change.ts';
import type { AgentEntry, Agents } from './contract.ts';
import { digestOf } from './digest.ts';
import { keyObjectOf, type PublicJwk, readPublicJwk, thumbprintOf } from './jwk.ts';
import { insertAgent, noteRegistration, removeAgent, saveAgentKey } from './store/agents.ts';

/** Ids of agents and jobs stand in policies, URLs and messages: nothing there needs quoting. */
export const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const JOBS_MAX = 64;
const USERS_MAX = 256;
const TEXT = /^[^\p{C}]{1,128}$/u;

type NewAgent = Parameters<Agents['add']>[0];
type Registered = { agent: AgentEntry; private_key: Secret<JsonObject> | undefined };

export function openAgents(parts: ChangeParts): Agents {
  const { standing } = parts;
  return {
    add: (agent, by) => add(agent, by, parts),
    remove: (id, by) => remove(id, by, parts),
    rotate: (id, public_key, by) => rotate(id, public_key, by, parts),
    list: () => [...standing.agents.values()].map((agent) => agent.entry),
    get: (id) => standing.agents.get(id)?.entry,
  };
}

async function add(agent: NewAgent, by: string, parts: ChangeParts): Promise<Registered | Refusal> {
  const problem = problemOf(agent);
  if (problem !== undefined) return refuse('input_invalid', problem, { public: problem });
  const key = agent.public_key === undefined ? makeKey() : readKey(agent.public_key);
  if (isRefusal(key)) return key;
  const { id, owner, version = '1' } = agent;
  const jobs = inOrder(agent.jobs);
  const granted = { purposes: inOrder(agent.purposes ?? []), users: inOrder(agent.users ?? []) };
  const thumbprint = thumbprintOf(key.public_key);
  const added = await change<AgentEntry>(parts, async (tx, added_at) => {
    const stored = { id, owner, version, jobs, ...granted, public_key: key.public_key, thumbprint, added_at };
    const generation = await insertAgent(tx, stored, LOWEST_LABEL);
    if (generation === undefined) return refuse('already_exists', `there is an agent ${id}`);
    await noteRegistration(tx, id, await parts.state.confirm(tx));
    const after = digestOf({ ...stored, generation });
    const payload = { owner, version, jobs, ...granted };
    await parts.record(tx, { event: 'agent.add', by, subject: id, before: null, after, payload });
    return { id, owner, version, jobs, ...granted, key: thumbprint, added_at };
  });
  return isRefusal(added) ? added : { agent: added, private_key: key.private_key };
}

function inOrder(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

function problemOf({ id, owner, jobs, version, purposes = [], users = [] }: NewAgent): string | undefined {
  if (!NAME.test(id)) return 'An agent’s id has 1 to 64 of the characters a-z, 0-9, dot, hyphen and underscore.';
  if (!TEXT.test(owner)) return 'Say who owns the agent, in at most 128 characters.';
  if (version !== undefined && !TEXT.test(version)) return 'A version has 1 to 128 characters.';
  if (jobs.length === 0 || jobs.length > JOBS_MAX) return `Grant an agent 1 to ${JOBS_MAX} jobs.`;
  if (purposes.length > JOBS_MAX || users.length > USERS_MAX) {
    return `Grant an agent at most ${JOBS_MAX} purposes and ${USERS_MAX} users.`;
  }
  if (users.some((user) => !TEXT.test(user))) return 'A user’s name has 1 to 128 characters.';
  const wrong = [...jobs, ...purposes].find((name) => !NAME.test(name));
  return wrong === undefined
    ? undefined
    : 'The name of a job or a purpose has 1 to 64 of the characters a-z, 0-9, dot, hyphen and underscore.';
}

type AgentKey = { public_key: PublicJwk; private_key: Secret<JsonObject> | undefined };

function readKey(given: JsonObject): AgentKey | Refusal {
  const public_key = readPublicJwk(given);
  const problem =
    'problem' in public_key
      ? public_key.problem
      : keyObjectOf(public_key) === undefined
        ? 'the key is not a point on its curve'
        : undefined;
  if (problem !== undefined)
    return refuse('input_invalid', problem, { public: `The public key was refused: ${problem}.` });
  return { public_key: public_key as PublicJwk, private_key: undefined };
}

/** P-256: half of the time of Ed25519 to verify here, and every JWT library knows it. */
function makeKey(): AgentKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' }) as Required<webcrypto.JsonWebKey>;
  const public_key = { kty, crv, x, y } as PublicJwk;
  const private_key = new Secret<JsonObject>({ kty, crv, x, y, d, alg: 'ES256', kid: thumbprintOf(public_key) });
  return { public_key, private_key };
}

function remove(id: string, by: string, parts: ChangeParts): Promise<Refusal | undefined> {
  return change<undefined>(parts, async (tx, now) => {
    const agent = parts.standing.agents.get(id);
    if (!(await removeAgent(tx, id, now))) return refuse('not_found', `there is no agent ${id}`);
    const before = agent === undefined ? null : digestOf(agent.entry);
    await parts.record(tx, { event: 'agent.remove', by, subject: id, before, after: null });
    return undefined;
  });
}

/** Whoever stole the old key holds nothing from here on: neither tokens that they got with it nor what they lent onward. */
async function rotate(
  id: string,
  given: JsonObject | undefined,
  by: string,
  parts: ChangeParts,
): Promise<Registered | Refusal> {
  const key = given === undefined ? makeKey() : readKey(given);
  if (isRefusal(key)) return key;
  const thumbprint = thumbprintOf(key.public_key);
  const rotated = await change<AgentEntry>(parts, async (tx) => {
    const known = parts.standing.agents.get(id);
    if (known === undefined) return refuse('not_found', `there is no agent ${id}`);
    if (known.thumbprint === thumbprint) {
      const problem = 'That is the key which it has already.';
      return refuse('input_invalid', problem, { public: problem });
    }
    const generation = await saveAgentKey(tx, id, { public_key: key.public_key, thumbprint });
    if (generation === undefined) return refuse('not_found', `there is no agent ${id}`);
    const entry = { ...known.entry, key: thumbprint };
    const digests = { before: digestOf(known.entry), after: digestOf({ ...entry, generation }) };
    await parts.record(tx, { event: 'agent.rotate', by, subject: id, ...digests, payload: { id } });
    return entry;
  });
  return isRefusal(rotated) ? rotated : { agent: rotated, private_key: key.private_key };
}
