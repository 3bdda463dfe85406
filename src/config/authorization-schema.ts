import { z } from 'zod';
import { ROLES } from '../core/person.ts';

/** An address of client metadata, all of a host's, all there are, or those that registered themselves. */
const CLIENT = /^(?:\*|registered|https:\/\/[A-Za-z0-9.:[\]-]+\/[^\s*]*\*?)$/;

export function authorizationSchema(name: z.ZodString) {
  const rule = z
    .strictObject({
      clients: z
        .array(z.string().max(500).regex(CLIENT, 'https://HOST/PATH, https://HOST/*, registered or *'))
        .min(1)
        .describe(
          'Clients by the address of their metadata document, which is their client_id; https://HOST/* for all of a host, * for every such client, registered for those that registered themselves.',
        ),
      jobs: z.array(name).min(1).describe('Jobs that a person may give them; policies say what a job may do.'),
      people: z.array(z.string().min(1).max(128)).default([]).describe('Names of the accounts that may.'),
      roles: z.array(z.enum(ROLES)).default([]).describe('Roles whose people may.'),
    })
    .refine(({ people, roles }) => people.length + roles.length > 0, 'says for nobody: name people or roles');
  return z.strictObject({
    sign_in: z
      .array(rule)
      .default([])
      .describe(
        'Which MCP clients (an editor, a chat, an inspector) may act for whom. Without a rule nobody can sign in with any.',
      ),
    registration: z
      .boolean()
      .default(false)
      .describe(
        'Whether clients may register themselves (RFC 7591). Their names are their own word; a metadata document is better.',
      ),
    dpop_nonces: z
      .enum(['off', 'offered', 'required'])
      .default('off')
      .describe(
        'Whether DPoP proofs carry a nonce of the gateway’s (RFC 9449, sections 8 and 9). required stops proofs that were made ahead; it costs a client one refused request in three minutes.',
      ),
  });
}
