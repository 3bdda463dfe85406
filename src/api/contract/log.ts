import { z } from 'zod';
import { EVERYONE, get, READERS } from './route.ts';
import { receiptId } from './scalars.ts';

export const logRoutes = {
  'log.checkpoint': get({
    path: '/api/log/checkpoint',
    summary:
      'The newest checkpoint, a signed note (C2SP tlog-checkpoint). Keep it elsewhere: it is what `verify --seen` takes.',
    roles: EVERYONE,
    answers: 'text',
    response: z.string(),
  }),
  'log.proof': get({
    path: '/api/log/proofs/:receipt',
    summary: 'Inclusion proof of one receipt (C2SP tlog-proof).',
    roles: READERS,
    params: z.strictObject({ receipt: receiptId }),
    answers: 'text',
    response: z.string(),
  }),
} as const;
