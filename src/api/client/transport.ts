/** How a request reaches the control plane: `fetch` in a browser, the control socket on the gateway's own machine. */
export type Transport = (request: TransportRequest) => Promise<TransportAnswer>;

export type TransportRequest = {
  method: 'GET' | 'POST' | 'DELETE';
  /** Path with query, from `/api`. */
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
  signal: AbortSignal | undefined;
};

export type TransportAnswer = {
  status: number;
  /** The body as it arrives, so that a live stream can be read while it goes on. */
  body: AsyncIterable<Uint8Array>;
};

/** `origin` is empty in the console, which only ever speaks to where it came from. */
export function fetchTransport(origin = ''): Transport {
  return async ({ method, path, headers, body, signal }) => {
    const answer = await fetch(origin + path, {
      method,
      headers,
      body: body ?? null,
      signal: signal ?? null,
      credentials: 'same-origin',
      redirect: 'error',
      cache: 'no-store',
    });
    return { status: answer.status, body: chunks(answer.body) };
  };
}

/** Safari has no async iterator on streams. */
async function* chunks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
