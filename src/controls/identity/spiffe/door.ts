import type { IncomingMessage, ServerResponse } from 'node:http';
import { isJsonObject, type JsonObject, parseJson } from '../../../core/json.ts';
import { peerOf } from '../../../core/peer-certificate.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { RateLimit, sourceOf } from '../rate-limits.ts';
import { pemOf } from './certificate.ts';
import type { Spiffe } from './contract.ts';
import type { IssuedSvid, Issuer } from './issuer.ts';
import { type JoinParts, readRequest, redeemJoinToken } from './joining.ts';
import { type Mapped, mapId } from './mapping.ts';
import type { SvidReader } from './svid-reader.ts';

const BUNDLE_PATH = '/spiffe/bundle';
const JOIN_PATH = '/spiffe/join';
const SVID_PATH = '/spiffe/svid';
const PATHS: ReadonlySet<string> = new Set([BUNDLE_PATH, JOIN_PATH, SVID_PATH]);
const BODY_BYTES_MAX = 8_192;
/** A signature and a transaction each: for each source so many at once, then so many a second. */
const REQUESTS = { burst: 20, per_second: 5 };

export type DoorParts = JoinParts & {
  issuer: Issuer;
  svids: SvidReader;
  trust_domain: string;
  monotonic(): number;
  bundle(): JsonObject;
  authorities(): readonly string[];
  /** Counts a refusal into a flood receipt. */
  refused(refusal: Refusal, address: string): void;
};

/**
 * For workloads on other machines, who have no socket of ours: the bundle, for anybody; a first SVID for a joining token;
 * and the next one for whoever shows the last one over mutual TLS. Only a key is taken from the request; what is certified of
 * it was granted.
 */
export function openDoor(parts: DoorParts): Spiffe['door'] {
  const limit = new RateLimit(REQUESTS, parts.monotonic);
  return {
    serves: (path) => PATHS.has(path),
    handler(request, response) {
      const path = (request.url ?? '').split('?', 1)[0];
      const method = path === BUNDLE_PATH ? 'GET' : 'POST';
      if (request.method !== method) return answer(response, 405, { error: 'method_not_allowed' });
      if (path === BUNDLE_PATH) return answer(response, 200, parts.bundle());
      const address = request.socket.remoteAddress ?? '';
      const work = limit.take(sourceOf(address))
        ? certify(path === JOIN_PATH, request, parts)
        : Promise.resolve(refuse('rate_limited', 'too many requests for SVIDs from this source'));
      work
        .then((issued) => {
          if (isRefusal(issued)) {
            parts.refused(issued, address);
            answer(response, issued.http, { error: issued.code, message: issued.public });
          } else answer(response, 200, issued);
        })
        .catch((error: unknown) => {
          parts.report('an SVID could not be issued', error);
          response.destroy();
        });
    },
  };
}

async function certify(joins: boolean, request: IncomingMessage, parts: DoorParts): Promise<JsonObject | Refusal> {
  const body = await readBody(request);
  if (body === undefined) return refuse('request_malformed', 'the body is not a JSON object of bounded size');
  const key = typeof body.csr === 'string' ? readRequest(Buffer.from(body.csr, 'base64')) : undefined;
  if (key === undefined) {
    const form = 'csr is a PKCS #10 request of a P-256 key, DER in base64.';
    return refuse('input_invalid', form, { public: form });
  }
  const to = joins ? await redeemJoinToken(String(body.token), parts) : holderOf(request, parts);
  if (isRefusal(to)) return to;
  const issued = await parts.issuer.agent(to, key);
  return isRefusal(issued) ? issued : answerOf(issued, parts);
}

/** Of our own trust domain alone: an SVID of another is renewed there. */
function holderOf(request: IncomingMessage, parts: DoorParts): Mapped | Refusal {
  const peer = peerOf(request.socket);
  if (peer === undefined) return refuse('credential_missing', 'no client certificate on this connection');
  const id = parts.svids.identify(peer);
  if (isRefusal(id)) return id;
  const mapped = id.trust_domain === parts.trust_domain ? mapId(id, [], parts.trust_domain) : undefined;
  return mapped ?? refuse('svid_unmapped', `${id.text} is not one that is issued here`);
}

function answerOf({ id, certificate, expires_at }: IssuedSvid, parts: DoorParts): JsonObject {
  return { id, certificate: pemOf(certificate), bundle: parts.authorities().join(''), expires_at };
}

async function readBody(request: IncomingMessage): Promise<JsonObject | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  try {
    const value = parseJson(Buffer.concat(chunks));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function answer(response: ServerResponse, status: number, body: JsonObject): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
