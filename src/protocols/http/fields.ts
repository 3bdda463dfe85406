import type { IncomingMessage } from 'node:http';
import type { Presented } from '../../core/exchange.ts';
import { peerOf } from '../../core/peer-certificate.ts';

/**
 * Header fields as they arrived, names in lower case. One that arrived more than once is joined with a comma, so that no
 * reader takes the first where another takes the last; DPoP proofs are kept apart, since two of them are refused.
 */
export type HttpFields = { single(name: string): string | undefined; proofs: readonly string[] };

/** `raw` as node:http gives it: names and values in turn. Its parsed form hides repetitions. */
export function readFields(raw: readonly string[]): HttpFields {
  const proofs: string[] = [];
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase();
    const value = raw[at + 1] as string;
    const earlier = fields.get(name);
    if (name === 'dpop') proofs.push(value);
    else fields.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return { single: (name) => fields.get(name), proofs };
}

export function presentedOf(request: IncomingMessage, fields: HttpFields, path: string): Presented {
  return {
    address: request.socket.remoteAddress ?? '',
    host: fields.single('host'),
    origin: fields.single('origin'),
    authorization: fields.single('authorization'),
    proofs: fields.proofs,
    peer_certificate: peerOf(request.socket),
    method: request.method ?? '',
    path,
    bytes_announced: Number(fields.single('content-length') ?? 0) || 0,
  };
}
