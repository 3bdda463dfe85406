import type { FetchDocument } from '../../core/document.ts';
import { isRefusal } from '../../core/refusal.ts';

/** What libraries that bring their own requests ask for: `fetch`, as far as they use it. */
export type FetchLike = (input: string | URL, init?: RequestInit) => Promise<Response>;

type Bounds = { bytes_max?: number; seconds_max?: number };

/**
 * The egress door in the shape of `fetch`, for oidc-provider and openid-client. It answers redirects instead of following
 * them, whatever was asked for, and rejects with what was refused, as `fetch` does when it cannot reach a server.
 */
export function asFetch(fetchDocument: FetchDocument, bounds: Bounds = {}): FetchLike {
  return async (input, init = {}) => {
    const url = String(input);
    // Reads every form that a body and its headers may have.
    const { method, headers, body } = new Request(url, { ...init, redirect: 'manual', signal: null });
    if (method !== 'GET' && method !== 'POST') throw new TypeError(`fetch failed: ${method} is not sent`);
    const sent = body === null ? undefined : new Uint8Array(await new Response(body).arrayBuffer());
    const answer = await fetchDocument(url, {
      ...bounds,
      method,
      headers: Object.fromEntries(headers),
      ...(sent === undefined ? {} : { body: sent }),
    });
    init.signal?.throwIfAborted();
    if (isRefusal(answer)) throw new TypeError(`fetch failed: ${answer.reason}`);
    return response(answer);
  };
}

const WITHOUT_BODY = new Set([204, 205, 304]);

function response({
  status,
  headers,
  body,
}: {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}) {
  return new Response(WITHOUT_BODY.has(status) ? null : new Uint8Array(body), { status, headers });
}
