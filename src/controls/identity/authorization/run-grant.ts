import * as errors from 'oidc-provider/lib/helpers/errors.js';
import type { GrantContext } from 'oidc-provider/lib/provider.js';
import type { JsonValue } from '../../../core/json.ts';
import { isRefusal, publicSentence, refuse } from '../../../core/refusal.ts';
import { transact } from '../change.ts';
import type { RunEntry } from '../contract.ts';
import { grantedOf } from '../granted.ts';
import { loadPerson } from '../people/store.ts';
import type { AgentStanding } from '../standing.ts';
import { loadRunEntry } from '../store/runs.ts';
import type { AuthorizationServerParts } from './contract.ts';
import { jobsFor } from './sign-in-rules.ts';
import { loadGrant, type StoredGrant, saveGrantRun } from './store.ts';

const JOB_SCOPE = /^job:(.+)$/;

/** The last step before signing: everything that the request proves is proven, so a run may be opened for it. */
export async function grantRun(
  context: GrantContext,
  parts: AuthorizationServerParts,
): Promise<Record<string, JsonValue>> {
  const agent = agentThatMay(context.oidc.client?.clientId ?? '', parts);
  const job = requestedJob(context, agent);
  const asked = formValue(context, 'run');
  const run =
    asked === undefined ? await openRun(context, agent, job, parts) : await continueRun(asked, agent, job, parts);
  const named = run.subject === null ? {} : { subject: run.subject.id, act: { sub: agent.id } };
  return { owner: agent.owner, run: run.id, job, generation: agent.generation, ...named };
}

/** Who is stopped opens nothing. */
function agentThatMay(id: string, { standing }: AuthorizationServerParts): AgentStanding {
  const agent = standing.agents.get(id);
  if (agent === undefined) throw new errors.AccessDenied(publicSentence('agent_unknown'));
  const stop =
    standing.findStop('all', '') ?? standing.findStop('agent', agent.id) ?? standing.findStop('key', agent.thumbprint);
  if (stop !== undefined) throw new errors.AccessDenied(publicSentence('stopped'));
  return agent;
}

/**
 * What a person let a client do, asked anew for each token: whether the person is still there and the rule still says so,
 * and the agent is the one that was made then. The client acts in the person's name (RFC 8693, section 4.1).
 */
export async function grantedRun(id: string, parts: AuthorizationServerParts): Promise<Record<string, JsonValue>> {
  const grant = await loadGrant(parts.db, id);
  if (grant === undefined) throw new errors.InvalidGrant('what was granted has ended');
  const person = await loadPerson(parts.db, grant.person);
  const permitted = person === undefined ? [] : jobsFor(grant.client, person, parts.authorization().sign_in);
  if (!permitted.includes(grant.job)) throw new errors.InvalidGrant('no rule lets this person grant this any more');
  const agent = agentThatMay(grant.agent, parts);
  if (agent.generation !== grant.generation) throw new errors.InvalidGrant('the agent was registered anew since');
  const run = await runOf(grant, person?.name ?? '', parts);
  return {
    agent: agent.id,
    owner: agent.owner,
    act: { sub: agent.id },
    run,
    job: grant.job,
    generation: grant.generation,
  };
}

/** One run for one consent, while it is open; after a day, or where an operator ended it, there is another. */
async function runOf(grant: StoredGrant, name: string, parts: AuthorizationServerParts): Promise<string> {
  const known = grant.run === null ? undefined : await loadRunEntry(parts.db, grant.run);
  if (known !== undefined && known.ended_at === null && known.expires_at > parts.time.now()) return known.id;
  const opened_by = `person:${grant.person}`;
  const subject = { id: grant.person, name };
  const run = await transact(parts, async (tx) => {
    const opened = await parts.runs.open(tx, { agent: grant.agent, job: grant.job, purpose: null, subject, opened_by });
    // A code that came twice ends its grant, perhaps while this token is made: then there is neither.
    const stands = await saveGrantRun(tx, grant.id, opened.id);
    return stands ? opened : refuse('run_ended', `the grant ${grant.id} has ended`);
  });
  if (isRefusal(run) && run.code === 'run_ended') throw new errors.InvalidGrant('what was granted has ended');
  if (isRefusal(run)) throw new errors.TemporarilyUnavailable(run.public);
  return run.id;
}

/** Jobs are granted at registration. Which of them this run is for may be left unsaid where there is only one. */
function requestedJob(context: GrantContext, agent: AgentStanding): string {
  const scopes = (context.oidc.params?.scope ?? '').split(' ').filter((scope) => scope !== '');
  const foreign = scopes.find((scope) => !JOB_SCOPE.test(scope));
  if (foreign !== undefined) throw new errors.InvalidScope('scopes are of the form job:<name>', foreign);
  const named = new Set(scopes.map((scope) => JOB_SCOPE.exec(scope)![1]!));
  const parameter = formValue(context, 'job');
  if (parameter !== undefined) named.add(parameter);
  if (named.size > 1) throw new errors.InvalidRequest('a run is of one job');
  const job = [...named][0] ?? (agent.jobs.length === 1 ? agent.jobs[0] : undefined);
  if (job === undefined) throw new errors.InvalidRequest('say which job: the parameter job, or the scope job:<name>');
  if (!agent.jobs.includes(job)) throw new errors.InvalidScope(publicSentence('job_not_granted'), `job:${job}`);
  return job;
}

function formValue(context: GrantContext, name: string): string | undefined {
  const value = context.oidc.body?.[name];
  if (Array.isArray(value)) throw new errors.InvalidRequest(`the parameter ${name} was given twice`);
  return value === '' ? undefined : value;
}

/** Purpose and user are granted, as the job is. */
async function openRun(
  context: GrantContext,
  agent: AgentStanding,
  job: string,
  parts: AuthorizationServerParts,
): Promise<RunEntry> {
  const asked = { purpose: formValue(context, 'purpose'), user: formValue(context, 'user') };
  const granted = await grantedOf(parts.db, agent, asked);
  if (isRefusal(granted)) throw new errors.InvalidScope(granted.public, asked.user ?? `purpose:${asked.purpose}`);
  const run = await transact(parts, (tx) =>
    parts.runs.open(tx, { agent: agent.id, job, ...granted, opened_by: `agent:${agent.id}` }),
  );
  if (isRefusal(run)) throw new errors.TemporarilyUnavailable(run.public);
  return run;
}

/**
 * A run longer than a token lives: the same agent asks for another token of the same run and job. One that was delegated
 * goes on by its delegation, which is verified each time.
 */
async function continueRun(
  id: string,
  agent: AgentStanding,
  job: string,
  { db, time }: AuthorizationServerParts,
): Promise<RunEntry> {
  const run = await loadRunEntry(db, id);
  const open = run !== undefined && run.ended_at === null && run.expires_at > time.now();
  if (!open || run.agent !== agent.id || run.job !== job || run.delegation !== null) {
    throw new errors.InvalidRequest('there is no open run of this id, agent and job');
  }
  return run;
}
