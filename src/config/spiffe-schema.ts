import { z } from 'zod';
import { absolutePath, type Surroundings } from './surroundings.ts';
import { bounded, path } from './values.ts';

const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const trustDomain = z.string().regex(TRUST_DOMAIN, 'a trust domain: lower-case letters, digits, dots, hyphens');
/** With a path, which no segment of climbs; a last `/*` stands for whatever follows. */
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+(?:\/\*)?$/;
const agent = z.string().min(1).max(64);
const job = z.string().min(1).max(64).optional();
const systemId = z.int().min(0).max(4_294_967_294).optional();

/** `identity.spiffe`: the gateway's own trust domain, whom it issues to, and whom else it believes. */
export function spiffeSchema(surroundings: Surroundings) {
  const workload = z.strictObject({
    agent: agent.describe('The registered agent that this workload is.'),
    job: job.describe(
      'The one job that its SVIDs are for. Without it: the agent’s only one; with several, its runs need a token that names one.',
    ),
    uid: systemId.describe(
      'The user that may open its socket. Giving it away needs root. Without it: the gateway’s own user.',
    ),
    gid: systemId.describe('The group that may open it too.'),
  });
  const rule = z.strictObject({
    id: z
      .string()
      .regex(SPIFFE_ID, 'a SPIFFE ID with a path, which may end in /*')
      .describe('A SPIFFE ID, or the beginning of some: spiffe://partner.example/bots/*'),
    agent: agent.describe('The registered agent that it is.'),
    job: job.describe('The job that its runs are of. Without it: the agent’s only one.'),
  });
  return z.strictObject({
    trust_domain: trustDomain.describe('Name of this installation’s trust domain. It cannot change later.'),
    svid_seconds: bounded(20, 3_600, 3_600).describe('Life of an X.509-SVID; the next one is made at half of it.'),
    authority_hours: bounded(2, 8_760, 168).describe(
      'Life of an authority; the next one is made at half of it and signs 15 minutes later.',
    ),
    sockets: path(surroundings)
      .optional()
      .describe(
        'Folder of the Workload API’s sockets. Without it: spiffe in the data folder, for the gateway’s user alone.',
      ),
    workloads: z
      .record(z.string().regex(/^[a-z0-9-]{1,32}$/, 'lower-case letters, digits and hyphens, at most 32'), workload)
      .default({})
      .describe('Workloads on this machine, each with a socket of its own: NAME.sock.'),
    trust_domains: z
      .record(
        trustDomain,
        z.strictObject({
          bundle: bundleSource(surroundings).describe('An https address of a SPIFFE bundle endpoint, or a file.'),
        }),
      )
      .default({})
      .describe('Other trust domains whose SVIDs are verified, by name.'),
    agents: z
      .array(rule)
      .default([])
      .describe(
        'Which agent a SPIFFE ID is; the first rule that fits counts. Without one, only spiffe://TRUST-DOMAIN/agent/AGENT[/JOB] of the own domain is known.',
      ),
  });
}

function bundleSource({ folder }: Surroundings) {
  return z
    .string()
    .min(1)
    .transform((text, context) => {
      if (!/^[a-z]+:\/\//.test(text)) return absolutePath(text, folder);
      const url = URL.parse(text);
      if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
        context.addIssue({ code: 'custom', message: 'an https address without credentials, or a path' });
      }
      return text;
    });
}
