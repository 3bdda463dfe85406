import { type buildConnector, Client } from 'undici';
import type { Document, DocumentRequest } from '../../core/document.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import type { HttpHeaders } from './http.ts';

const BYTES_MAX = 64 * 1024;
export const SECONDS_MAX = 5;
const HEAD_BYTES_MAX = 16 * 1024;
/** Framing is undici's; an answer that unpacks to something larger is nothing that anybody asked for. */
const OWN_HEADERS = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Asks once, over a connection that is closed afterwards, and reads the answer within its bounds. */
export async function readDocument(
  url: URL,
  request: DocumentRequest,
  { connect, signal }: { connect: buildConnector.connector; signal: AbortSignal },
): Promise<Document | Refusal> {
  const client = new Client(url.origin, { connect, pipelining: 1, maxHeaderSize: HEAD_BYTES_MAX });
  try {
    return await new Promise((resolve) => {
      const reading = new Reading(request, resolve);
      signal.addEventListener('abort', () => reading.late(), { once: true });
      const { method = 'GET', body = null } = request;
      const path = url.pathname + url.search;
      client.dispatch({ method, path, headers: headersOf(request), body }, reading);
    });
  } catch (error) {
    // undici throws for what it will not write: a header with a line break.
    return refuse('request_malformed', `a document could not be asked for: ${(error as Error).name}`);
  } finally {
    void client.destroy();
  }
}

function headersOf({ headers = {}, accept = ['application/json'] }: DocumentRequest): Record<string, string> {
  const written: Record<string, string> = { accept: accept.join(', '), 'accept-encoding': 'identity' };
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (!OWN_HEADERS.has(key)) written[key] = value;
  }
  return written;
}

type Controller = { abort(reason: Error): void };

class Reading {
  readonly #request: DocumentRequest;
  readonly #bytes_max: number;
  readonly #resolve: (answer: Document | Refusal) => void;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #headers: Record<string, string> = {};

  constructor(request: DocumentRequest, resolve: (answer: Document | Refusal) => void) {
    this.#request = request;
    this.#bytes_max = request.bytes_max ?? BYTES_MAX;
    this.#resolve = resolve;
  }

  late(): void {
    this.#resolve(refuse('upstream_timed_out', 'a document did not arrive in time'));
  }

  onRequestStart(): void {}

  onResponseStart(controller: Controller, status: number, headers: HttpHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value ?? '')]));
    const encoding = headers['content-encoding'];
    // Nobody asked for it, and unpacking is where a small answer becomes a large one.
    if (encoding !== undefined && encoding !== 'identity') this.#stop(controller, unwanted('it is compressed'));
    else if (!this.#isWanted()) this.#stop(controller, unwanted('it is of another type than was asked for'));
  }

  onResponseData(controller: Controller, part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes <= this.#bytes_max) this.#parts.push(part);
    else this.#stop(controller, refuse('answer_too_large', `a document of over ${this.#bytes_max} bytes`));
  }

  onResponseEnd(): void {
    this.#resolve({
      kind: 'document',
      status: this.#status,
      content_type: this.#headers['content-type'] ?? '',
      headers: this.#headers,
      body: Buffer.concat(this.#parts),
    });
  }

  onResponseError(_: unknown, error: Error): void {
    this.#resolve(refuse('upstream_unavailable', `a document could not be read: ${error.message}`));
  }

  /** What is no success says so by its status; only what would be believed has to be of the type. */
  #isWanted(): boolean {
    const { accept } = this.#request;
    if (accept === undefined || this.#status >= 300) return true;
    const [type = ''] = (this.#headers['content-type'] ?? '').split(';');
    return accept.includes(type.trim().toLowerCase());
  }

  #stop(controller: Controller, refusal: Refusal): void {
    this.#resolve(refusal);
    controller.abort(new Error('stopped'));
  }
}

function unwanted(why: string): Refusal {
  return refuse('upstream_failed', `a document was not read: ${why}`);
}
