import { z } from 'zod';
import { ROLES } from '../core/person.ts';
import { spiffeSchema } from './spiffe-schema.ts';
import type { Surroundings } from './surroundings.ts';
import { bounded, name, pemFile, secret } from './values.ts';

const CLAIMS_MAX = 16;
const RULES_MAX = 256;
const ISSUERS_MAX = 32;

/** RFC 8414, section 2: no query, no fragment; http only where the operator writes it, for another process of this machine. */
const issuer = z.string().transform((text, context) => {
  const url = URL.parse(text);
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
  if (!plain || url.username !== '' || text.includes('?') || text.includes('#')) {
    context.addIssue({ code: 'custom', message: 'an issuer such as https://login.example.com' });
  }
  return text;
});

const claimValue = z.union([z.string().min(1).max(1_000), z.boolean(), z.number()]);

const rule = z.strictObject({
  claims: z
    .record(z.string().min(1).max(200), z.union([claimValue, z.array(claimValue).min(1).max(64)]))
    .refine((claims) => Object.keys(claims).length > 0, 'at least one claim: a rule without one is for everybody')
    .refine((claims) => Object.keys(claims).length <= CLAIMS_MAX, `at most ${CLAIMS_MAX} claims`)
    .describe('Claims that the token must carry, each exactly, or one of a list. All of them must hold.'),
  agent: name.describe('The registered agent that such a workload is.'),
  job: name.describe('The job of its runs; one that the agent is registered for.'),
});

function trustedIssuer(surroundings: Surroundings) {
  return z.strictObject({
    issuer: issuer.describe('`iss` of its tokens, to the letter. Its keys are found through its discovery document.'),
    audience: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .describe('`aud` of assertions that are exchanged for a token of the gateway. Without it: listen.public_url.'),
    jwks_uri: issuer.optional().describe('Where its keys are, for an issuer without a discovery document.'),
    ca: pemFile(surroundings)
      .optional()
      .describe('File of PEM certificates to trust for this issuer in the place of the system’s.'),
    once: z
      .boolean()
      .default(true)
      .describe(
        'Whether an assertion counts once, and must have a `jti`. false for tokens that a file holds for hours, as Kubernetes does.',
      ),
    rules: z.array(rule).min(1).max(RULES_MAX).describe('Which workload is which agent. The first that fits counts.'),
  });
}

export function identitySchema(surroundings: Surroundings) {
  return z.strictObject({
    spiffe: spiffeSchema(surroundings)
      .optional()
      .describe('A SPIFFE trust domain: workloads get certificates, and agents of other domains are believed.'),
    issuers: z
      .array(trustedIssuer(surroundings))
      .max(ISSUERS_MAX)
      .default([])
      .refine(
        (issuers) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length,
        'each issuer once, with all of its rules',
      )
      .describe(
        'Other issuers (GitHub Actions, Kubernetes, any OpenID provider) whose tokens say which workload asks.',
      ),
    signals: signalsSchema(surroundings)
      .prefault({})
      .describe(
        'Security events (OpenID Shared Signals, CAEP): what was revoked elsewhere, and who is told what was revoked here.',
      ),
  });
}

const httpUrl = z.url({ protocol: /^https?$/, error: 'an http or https address' });

function signalsSchema(surroundings: Surroundings) {
  const ca = pemFile(surroundings)
    .optional()
    .describe('File of PEM certificates to trust there in the place of the system’s.');
  const source = z
    .strictObject({
      issuer: issuer.describe('`iss` of its events, to the letter.'),
      jwks_uri: httpUrl.describe('Where its keys are.'),
      ca,
      audience: z
        .string()
        .min(1)
        .max(500)
        .optional()
        .describe('`aud` of events for us. Without it: listen.public_url.'),
      push_token: secret(surroundings)
        .optional()
        .describe('What it shows when it pushes to /ssf/events, by reference: env:NAME or file:PATH.'),
      poll: z
        .strictObject({
          url: httpUrl.describe('Where events are fetched (RFC 8936).'),
          token: secret(surroundings).describe('What is shown there, by reference.'),
          every_seconds: bounded(1, 3_600, 10).describe('How often.'),
        })
        .optional()
        .describe('For a transmitter that does not push.'),
    })
    .refine(({ push_token, poll }) => push_token !== undefined || poll !== undefined, 'push_token, poll, or both');
  const sink = z
    .strictObject({
      stream: name.describe('Name of the stream; a receiver fetches from /ssf/poll/NAME.'),
      audience: z.string().min(1).max(500).describe('`aud` of the events, as the receiver expects it.'),
      push: z
        .strictObject({
          url: httpUrl.describe('Where events are pushed to (RFC 8935).'),
          token: secret(surroundings).optional().describe('What is shown there, by reference.'),
          ca,
        })
        .optional()
        .describe('For a receiver that is pushed to.'),
      poll_token: secret(surroundings).optional().describe('What a receiver that fetches shows, by reference.'),
    })
    .refine(({ push, poll_token }) => push !== undefined || poll_token !== undefined, 'push, poll_token, or both');
  return z.strictObject({
    receive: z.array(source).max(16).default([]).describe('Whose events count here.'),
    transmit: z.array(sink).max(16).default([]).describe('Who is told what was revoked here.'),
  });
}

const role = z.enum(ROLES);

function oidcSchema(surroundings: Surroundings) {
  return z.strictObject({
    name: z.string().min(1).max(60).describe('What the sign-in button calls it, such as the company’s name.'),
    issuer: issuer.describe('The OpenID provider, as its tokens name it.'),
    client_id: z
      .string()
      .min(1)
      .max(500)
      .describe('What the gateway is called there. Redirect address: CONSOLE/signed-in.'),
    client_secret: secret(surroundings)
      .optional()
      .describe('Its secret there, by reference: env:NAME or file:PATH. Without it the client is public.'),
    ca: pemFile(surroundings)
      .optional()
      .describe('File of PEM certificates to trust for it in the place of the system’s.'),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'a scope'))
      .default(['openid', 'profile', 'email'])
      .transform((scopes) => [...new Set(['openid', ...scopes])])
      .describe('What is asked for. Add the one that yields groups, if it needs one.'),
    name_claim: z
      .string()
      .min(1)
      .default('email')
      .describe(
        'Claim that names people here and in the log. `email` must be verified, unless the provider says nothing of it.',
      ),
    groups_claim: z.string().min(1).default('groups').describe('Claim that lists a person’s groups.'),
    roles: z
      .record(z.string().min(1).max(300), z.array(role).min(1))
      .refine((roles) => Object.keys(roles).length > 0, 'at least one group')
      .describe('Roles that a group gives. Who is in none of them cannot sign in.'),
    session_minutes_max: z
      .int()
      .min(5)
      .max(720)
      .default(480)
      .describe('How long a session lasts. Groups are looked at again with the next sign-in.'),
  });
}

export function peopleSchema(surroundings: Surroundings) {
  return z.strictObject({
    separation: z
      .array(z.array(role).min(2))
      .default([])
      .describe('Sets of roles of which no person may hold two or more, such as [admin, auditor].'),
    oidc: oidcSchema(surroundings).optional().describe('The company’s OpenID provider, through which people sign in.'),
  });
}
