import { z } from 'zod';
import type { Surroundings } from './surroundings.ts';
import { namedValues, origin, secretReference } from './values.ts';

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What the vault is sealed with: a key by reference, or a program that prints one. */
export function vaultSchema(surroundings: Surroundings) {
  return z
    .strictObject({
      key: secretReference(surroundings)
        .optional()
        .describe(
          'Key that seals the vault, env:NAME or file:PATH: 32 bytes in base64 or hex, the same on every gateway of a fleet. Without it and without command: keys/vault.key in the data folder.',
        ),
      command: z
        .array(z.string().refine((word) => !word.includes('\0'), 'a word without NUL'))
        .min(1)
        .optional()
        .describe(
          'In the place of key: program and arguments that print the key, such as a KMS client. Started without a shell, for at most 10 seconds; what it prints to standard error is not kept.',
        ),
      env: namedValues(surroundings, VARIABLE, 'a name of letters, digits and _')
        .prefault({})
        .describe('Environment of that program, and nothing besides PATH. Secrets by reference.'),
      previous: z
        .array(secretReference(surroundings))
        .max(8)
        .default([])
        .describe('Keys before the current one. At start, what they sealed is sealed under the current one.'),
      token_endpoints: z
        .array(origin)
        .default([])
        .describe(
          'Origins of authorization servers at private addresses where entries of kind oauth_refresh may be renewed. Public ones need no mention.',
        ),
    })
    .refine(({ key, command }) => key === undefined || command === undefined, 'either key or command, and not both');
}
