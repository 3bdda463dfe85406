import { timingSafeEqual } from 'node:crypto';
import { hashSecret } from '../digest.ts';
import type { AuthorizationServerParts } from './contract.ts';
import { consumeArtefact, findArtefact } from './store.ts';

/** 32 bytes in base64url. */
const TICKET = /^[A-Za-z0-9_-]{43}$/;

/**
 * The way back from the console: whoever was asked there carries the ticket here, once and soon. It is bound to the one
 * request that they answered, and worth nothing beside it.
 */
export async function takeTicket(
  uid: string,
  ticket: string,
  { db, time }: Pick<AuthorizationServerParts, 'db' | 'time'>,
): Promise<boolean> {
  if (!TICKET.test(ticket)) return false;
  const stored = await findArtefact(db, 'Interaction', uid);
  const result = stored?.payload.result as { ticket?: string; ticket_until?: number } | undefined;
  if (result?.ticket === undefined || (result.ticket_until ?? 0) <= time.now()) return false;
  if (!timingSafeEqual(Buffer.from(hashSecret(ticket)), Buffer.from(result.ticket))) return false;
  return consumeArtefact(db, 'Interaction', uid, time.now());
}
